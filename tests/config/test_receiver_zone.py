from pathlib import Path

from monitor.config.load import load
from monitor.receivers.console import Console

CONFIG = """
timezone: Asia/Kolkata
store: sqlite:///x.db
checks: checks
receivers:
  here: {type: console}
  there: {type: console, timezone: UTC}
maintainers: {data: {receivers: [here]}}
on_call: {rotation: [asha@example.com], receivers: [here]}
"""


def test_a_receiver_writes_times_in_the_zone_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "checks").mkdir()
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG)
    receivers = load(config, {}).receivers
    here, there = receivers["here"], receivers["there"]
    assert isinstance(here, Console)
    assert isinstance(there, Console)
    assert (str(here.timezone), str(there.timezone)) == ("Asia/Kolkata", "UTC")
