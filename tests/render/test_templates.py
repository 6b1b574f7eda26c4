import logging
from pathlib import Path

import pytest
from jinja2 import TemplateError

from monitor.render.sandbox import LONGEST, render_text
from monitor.render.templates import Templates, code, escape
from tests.render.sample import NOW, PING, digest


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'a' * 10**9 }}",
        "{{ 'a' * 1000 * 1000 }}",
        "{{ 1000000000 * 'a' }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '{:>999999999}'.format(1) }}",
        "{{ 'a'.ljust(999999999) }}",
        "{{ 'a' | center(999999999) }}",
        "{% for i in range(9999) %}{% for j in range(9999) %}xxxx{% endfor %}{% endfor %}",
        "{{ ''.__class__ }}",
        "{{ x.__init__.__globals__ }}",
        "{{ unknown }}",
        "{{ 1 / 0 }}",
        "{% if",
    ],
)
def test_a_template_that_is_wrong_or_too_large_is_refused(template: str) -> None:
    with pytest.raises(TemplateError):
        render_text(template, {"x": 1})


def test_sums_and_products_of_numbers_are_allowed() -> None:
    assert render_text("{{ 400 * 300 + 1 }} {{ 'ab' * 3 }}", {}) == "120001 ababab"


def test_a_text_may_be_as_long_as_the_bound() -> None:
    assert len(render_text("{{ text }}", {"text": "x" * LONGEST})) == LONGEST


def test_foreign_text_is_harmless_in_slack() -> None:
    assert escape(PING) == "&lt;!channel&gt; &lt;http://x|y&gt; &amp; 'rm'"
    assert escape("two\nlines\x1b[31m") == "two lines[31m"
    assert code("a ``` b") == "```\na ''' b\n```"


def test_a_file_of_the_same_path_stands_in_for_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "slack").mkdir()
    (tmp_path / "slack" / "digest.j2").write_text("ours: {{ digest.unowned[0] }} {{ ping }}")
    made = Templates(own=tmp_path).render("slack/digest.j2", digest=digest(), ping="<!here>")
    assert made == "ours: orphan-check &lt;!here&gt;"


def test_a_broken_file_of_a_team_loses_no_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shipped, own = tmp_path / "shipped", tmp_path / "own"
    for folder, text in ((shipped, "fine {{ at | local('UTC') }}"), (own, "{{ nonsense }}")):
        (folder / "text").mkdir(parents=True)
        (folder / "text" / "x.j2").write_text(text)
    with caplog.at_level(logging.WARNING):
        made = Templates(own=own, shipped=shipped).render("text/x.j2", at=NOW)
    assert made == "fine Tue 24 Nov 03:30"
    assert "'nonsense' is undefined" in caplog.text


def test_values_are_escaped_as_the_folder_of_the_template_says(tmp_path: Path) -> None:
    for kind in ("slack", "text", "html"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "x.j2").write_text("{{ value }}")
    templates = Templates(shipped=tmp_path)
    value = "<b>\n&`"
    assert templates.render("slack/x.j2", value=value) == "&lt;b&gt; &amp;'"
    assert templates.render("html/x.j2", value=value) == "&lt;b&gt;\n&amp;`"
    assert templates.render("text/x.j2", value=value) == "<b> &`"
