import logging
from pathlib import Path

import pytest
from jinja2 import TemplateError

from monitor.render.samples import NOW, PING, digest
from monitor.render.sandbox import LONGEST, render_text
from monitor.render.templates import Templates, code, escape


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
        "{{ ''.join(['a' * 99999] * 9) }}",
        "{{ (['a' * 9999] * 9999) | join | length }}",
        "{{ ('a' * 30000) | replace('a', 'b' * 30000) | length }}",
        "{{ 'aa'.replace('a', 'b' * 30000) }}",
        "{{ [1] | batch(99999999, 'x') | list }}",
        "{{ [1] | slice(99999999) | list }}",
        "{{ 1.5 | round(300000000, 'floor') }}",
        "{{ [['a'], ['b']] | sum }}",
        "{% set a = 'x' * 50000 %}" + "{% set a = a ~ a %}" * 9 + "{{ a | length }}",
        "{% set a %}{% for i in range(999) %}{{ 'x' * 9999 }}{% endfor %}{% endset %}x",
        "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(99) }}",
        "{% for a in xs %}{% for b in xs %}{% for c in xs %}{% endfor %}{% endfor %}{% endfor %}",
        "{% set a = 'x' * 9999 %}{% for i in range(999) %}{{ 1 if a | upper == 1 }}{% endfor %}",
        "{% set a = ['x' * 99999] * 99999 %}{{ a }}",
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
        render_text(template, {"x": 1, "xs": list(range(300))})


def test_sums_and_products_of_numbers_are_allowed() -> None:
    assert render_text("{{ 400 * 300 + 1 }} {{ 'ab' * 3 }}", {}) == "120001 ababab"


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("{{ names | join(', ') }}", "b, a"),
        ("{{ pairs | join('+', attribute='n') }} {{ pairs | sum(attribute='n') }}", "1+2 3"),
        ("{{ names | sort | first ~ 1 }}", "a1"),
        ("{{ 'a-b' | replace('-', '+') }} {{ 2.567 | round(1) }}", "a+b 2.6"),
        (
            "{% for n in names %}{{ loop.index }}/{{ loop.length }}{{ n }} {% endfor %}",
            "1/2b 2/2a ",
        ),
        ("{% for n in [] %}x{% else %}none{% endfor %}", "none"),
        ("{% macro twice(n) %}{{ n }}{{ n }}{% endmacro %}{{ twice('ab') }}", "abab"),
        ("{% set t %}{{ names[0] }}!{% endset %}{{ t }}", "b!"),
        ("{% filter upper %}x{{ names[0] }}{% endfilter %}", "XB"),
    ],
)
def test_what_templates_do_every_day_is_as_in_jinja(template: str, wanted: str) -> None:
    values = {"names": ["b", "a"], "pairs": [{"n": 1}, {"n": 2}]}
    assert render_text(template, values) == wanted


def test_a_text_may_be_as_long_as_the_bound() -> None:
    assert len(render_text("{{ text }}", {"text": "x" * LONGEST})) == LONGEST


def test_foreign_text_is_harmless_in_slack() -> None:
    assert escape(PING) == "&lt;!channel&gt; &lt;http://x|y&gt; &amp; 'rm'"
    assert escape("two\nlines\x1b[31m") == "two lines[31m"
    assert code("a ``` b") == "```\na ''' b\n```"


def write(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


def test_a_file_of_the_same_path_stands_in_for_the_shipped_one(tmp_path: Path) -> None:
    write(tmp_path, "slack/digest/default.j2", "ours: {{ digest.unowned[0] }} {{ ping }}")
    templates = Templates(own=tmp_path)
    made = templates.render("slack/digest", "morning", digest=digest(), ping="<!here>")
    assert made == "ours: orphan-check &lt;!here&gt;"


def test_the_most_special_file_counts_and_names_lead_nowhere_else(tmp_path: Path) -> None:
    write(tmp_path, "text/alert/default.j2", "any")
    write(tmp_path, "text/alert/anomaly.j2", "a metric, {% include 'text/alert/default.j2' %}")
    write(tmp_path, "text/secret.j2", "secret")
    templates = Templates(own=tmp_path)
    assert templates.render("text/alert", "anomaly") == "a metric, any"
    assert templates.render("text/alert", "freshness") == "any"
    assert templates.render("text/alert", "../secret") == "any"
    assert templates.render("text/thread", "anomaly") == "a metric, any"


def test_a_team_can_add_to_what_is_shipped(tmp_path: Path) -> None:
    shipped, own = tmp_path / "shipped", tmp_path / "own"
    write(shipped, "text/alert/default.j2", "fine")
    write(own, "text/alert/default.j2", "{% include 'shipped/text/alert/default.j2' %}, and ours")
    assert Templates(own=own, shipped=shipped).render("text/alert", "x") == "fine, and ours"


def test_a_broken_file_of_a_team_loses_no_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shipped, own = tmp_path / "shipped", tmp_path / "own"
    write(shipped, "text/alert/default.j2", "fine {{ at | local('UTC') }}")
    write(own, "text/alert/default.j2", "{{ nonsense }}")
    with caplog.at_level(logging.WARNING):
        made = Templates(own=own, shipped=shipped).render("text/alert", "x", at=NOW)
    assert made == "fine Tue 24 Nov 03:30"
    assert "'nonsense' is undefined" in caplog.text


def test_what_is_shipped_may_say_more_than_a_teams_own(tmp_path: Path) -> None:
    text = "{% for n in range(3000) %}{% for m in 'abcdefgh' %}{{ m }}{% endfor %}{% endfor %}"
    write(tmp_path, "text/alert/default.j2", text)
    assert len(Templates(shipped=tmp_path).render("text/alert", "x")) == 24_000
    own = Templates(own=tmp_path, shipped=tmp_path, is_strict=True)
    with pytest.raises(TemplateError, match="may not loop"):
        own.render("text/alert", "x")


def test_values_are_escaped_as_the_folder_of_the_template_says(tmp_path: Path) -> None:
    for kind in ("slack", "text", "html"):
        write(tmp_path, f"{kind}/x/default.j2", "{{ value }}")
    templates = Templates(shipped=tmp_path)
    value = "<b>\n&`"
    assert templates.render("slack/x", "", value=value) == "&lt;b&gt; &amp;'"
    assert templates.render("html/x", "", value=value) == "&lt;b&gt;\n&amp;`"
    assert templates.render("text/x", "", value=value) == "<b> &`"
