import re
from pathlib import Path

import pytest

from monitor.config.plugins import load_plugins
from monitor.render.samples import metric
from monitor.render.sandbox import render_text
from monitor.render.slack import incident_blocks
from monitor.render.templates import Templates, shipped_folder
from monitor.render.try_out import TRIALS, TemplateFault, template_faults


def write(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


def only(folder: Path) -> TemplateFault:
    (found,) = template_faults(folder)
    return found


@pytest.mark.long
def test_the_shipped_templates_are_without_fault() -> None:
    faults = [one for one in template_faults(shipped_folder()) if not one.path.startswith("web/")]
    assert faults == []


def test_every_shipped_template_for_people_is_tried() -> None:
    folder = shipped_folder()
    shipped = {path.relative_to(folder).as_posix() for path in folder.rglob("*.j2")}
    ours = {name for name in shipped if not name.startswith("web/")}
    special = {"slack/alert", "text/alert", "text/thread", "email/alert", "email/thread"}
    storms = {f"{folder}/storm.j2" for folder in special}
    assert ours == {f"{folder}/default.j2" for folder in TRIALS} | storms


def test_an_unknown_name_is_told_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "slack/alert/default.j2", "fine\n\n{{ viw.incident }}\n")
    fault = only(tmp_path)
    assert (fault.path, fault.line) == ("slack/alert/default.j2", 3)
    assert "'viw' is undefined" in fault.message


def test_a_template_that_cannot_be_read_is_told_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "text/digest/default.j2", "fine\n{% if %}\n")
    assert only(tmp_path).line == 2


def test_what_only_an_end_would_show_is_found(tmp_path: Path) -> None:
    text = "{% if view.incident.resolved_at %}{{ nonsense }}{% endif %}x"
    write(tmp_path, "email/alert/default.j2", text)
    assert "'nonsense' is undefined" in only(tmp_path).message


def test_a_message_that_slack_would_refuse_is_told(tmp_path: Path) -> None:
    write(tmp_path, "slack/alert/default.j2", "hello <!channel>")
    assert "Slack would refuse it" in only(tmp_path).message


def test_a_file_that_stands_in_for_nothing_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    write(tmp_path, "slack/alert/defaults.j2", "x")
    assert only(tmp_path).suggestion == "slack/alert/default.j2"


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(100001) %}{% endfor %}",
        "{% for i in range(500) %}{% for j in range(500) %}{% endfor %}{% endfor %}",
    ],
)
def test_loops_of_a_template_end(template: str) -> None:
    with pytest.raises(Exception, match=r"may not count|Range too big"):
        render_text(template, {})


def test_templates_of_a_kind_and_of_a_digest_are_tried_as_such(tmp_path: Path) -> None:
    load_plugins()
    write(tmp_path, "slack/alert/anomaly.j2", "{{ view.kind }} {{ view.kindd }}")
    assert "no attribute 'kindd'" in only(tmp_path).message
    write(tmp_path, "slack/alert/anomaly.j2", "{{ 1 / 0 if view.kind != 'anomaly' else 'fine' }}")
    write(tmp_path, "text/digest/owners.j2", "{{ digest.name }}")
    assert only(tmp_path).path == "text/digest/owners.j2"
    assert template_faults(tmp_path, ["owners"]) == []
    write(tmp_path, "slack/alert/anomal.j2", "x")
    (fault,) = template_faults(tmp_path, ["owners"])
    assert fault.suggestion == "slack/alert/anomaly.j2"


def test_a_line_of_a_thread_that_would_ping_everybody_is_told(tmp_path: Path) -> None:
    write(tmp_path, "slack/thread/default.j2", "{{ why }} <!here>")
    assert "a mention" in only(tmp_path).message


def test_a_template_without_end_is_told(tmp_path: Path) -> None:
    text = "{% for a in range(999) %}{% for b in range(9) %}{% for c in 'abcdefgh' %}{% endfor %}"
    write(tmp_path, "email/thread/default.j2", text + "{% endfor %}" * 2)
    assert "may not" in only(tmp_path).message


def test_what_the_how_to_shows_adds_a_line_to_every_message(tmp_path: Path) -> None:
    page = (shipped_folder().parent / "docs" / "how-to" / "templates.md").read_text()
    (shown,) = re.findall(r"```jinja\n(.*?)```", page, flags=re.DOTALL)
    write(tmp_path, "slack/alert/default.j2", shown)
    assert template_faults(tmp_path) == []
    (*before, added) = incident_blocks(metric(), "UTC", templates=Templates(own=tmp_path))
    assert before == incident_blocks(metric(), "UTC")
    assert "runbooks of our team" in str(added)
