import shlex
from dataclasses import replace

from monitor.core.alert import AlertState
from monitor.render.backfill import commands
from monitor.render.samples import GAP, HOUR, own_member, resolved, view


def test_from_to_and_end_are_variables_of_the_template() -> None:
    member = replace(own_member(), backfill="fill {{ from }} {{ to }} {{ end }}")
    assert commands(member) == (
        "fill 2026-11-23T19:00:00Z 2026-11-23T20:00:00Z 2026-11-23T21:00:00Z",
    )


def test_from_works_in_conditions_and_filters_too() -> None:
    member = replace(
        own_member(), backfill="{% if from < to %}{{ from | replace('T', ' ') }}{% endif %}"
    )
    assert commands(member) == ("2026-11-23 19:00:00Z",)


def test_each_gap_gets_its_command_and_each_command_stands_once() -> None:
    later = replace(GAP, start=GAP.start + 5 * HOUR, last=GAP.last + 5 * HOUR)
    member = replace(own_member(), gaps=(GAP, later, GAP))
    both = view(members=(member, replace(member, check="other")))
    assert len(commands(both)) == 2


def test_names_of_partitions_reach_the_shell_as_one_word_each() -> None:
    member = replace(own_member(), backfill="fill {{ partitions }}")
    assert shlex.split(commands(member)[0]) == ["fill", *GAP.partitions]


def test_a_broken_template_says_so_and_runs_nothing() -> None:
    for template in ("{{ form }}", "{% if", "{{ 1 / 0 }}", "{{ 'a' * 10**9 }}"):
        (command,) = commands(replace(own_member(), backfill=template))
        assert command.startswith("# the backfill template of this resource is broken: ")
        assert "\n" not in command


def test_nothing_is_to_be_filled_without_gaps_without_template_or_when_it_is_over() -> None:
    assert commands(replace(own_member(), gaps=())) == ()
    assert commands(replace(own_member(), backfill=None)) == ()
    assert commands(resolved()) == ()
    assert commands(replace(own_member(), state=AlertState.RESOLVED)) == ()


def test_what_follows_from_the_cause_has_no_command_of_its_own() -> None:
    assert commands(view(members=(replace(own_member(), is_folded=True),))) == ()
