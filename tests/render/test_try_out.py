from pathlib import Path

import pytest

from monitor.render.sandbox import render_text
from monitor.render.templates import shipped_folder
from monitor.render.try_out import TRIALS, TemplateFault, template_faults


def write(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


def only(folder: Path) -> TemplateFault:
    (found,) = template_faults(folder)
    return found


def test_the_shipped_templates_are_without_fault() -> None:
    faults = [one for one in template_faults(shipped_folder()) if not one.path.startswith("web/")]
    assert faults == []


def test_every_shipped_template_for_people_is_tried() -> None:
    folder = shipped_folder()
    shipped = {path.relative_to(folder).as_posix() for path in folder.rglob("*.j2")}
    assert {name for name in shipped if not name.startswith("web/")} == set(TRIALS)


def test_an_unknown_name_is_told_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "slack/incident.j2", "fine\n\n{{ viw.incident }}\n")
    fault = only(tmp_path)
    assert (fault.path, fault.line) == ("slack/incident.j2", 3)
    assert "'viw' is undefined" in fault.message


def test_a_template_that_cannot_be_read_is_told_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "text/digest.j2", "fine\n{% if %}\n")
    assert only(tmp_path).line == 2


def test_what_only_an_end_would_show_is_found(tmp_path: Path) -> None:
    text = "{% if view.incident.resolved_at %}{{ nonsense }}{% endif %}x"
    write(tmp_path, "email/incident.j2", text)
    assert "'nonsense' is undefined" in only(tmp_path).message


def test_a_message_that_slack_would_refuse_is_told(tmp_path: Path) -> None:
    write(tmp_path, "slack/incident.j2", "hello <!channel>")
    assert "Slack would refuse it" in only(tmp_path).message


def test_a_file_that_stands_in_for_nothing_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    write(tmp_path, "slack/incidents.j2", "x")
    assert only(tmp_path).suggestion == "slack/incident.j2"


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
