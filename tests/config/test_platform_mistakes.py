"""No mistake in config.yaml is accepted, each is named at its line, with what was meant."""

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from monitor.config.load import ConfigError, Loader
from monitor.config.plan import Problem
from tests.config.mistakes import Mistake
from tests.config.platform_mistakes import CONFIG, platform_mistakes
from tests.often import often

COUNT = often(90, 500)
SEED = 20_261_125
WANTED_SUGGESTIONS = 0.95

Found = list[tuple[Mistake, tuple[Problem, ...]]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Make each mistake in a configuration that uses every section, and read it."""
    home = tmp_path_factory.mktemp("platform")
    (home / "checks").mkdir()
    loader = Loader(home / "config.yaml", {})
    assert problems(home, loader, CONFIG) == ()
    made = islice(platform_mistakes(SEED), COUNT)
    return [(mistake, problems(home, loader, mistake.text)) for mistake in made]


def problems(home: Path, loader: Loader, text: str) -> tuple[Problem, ...]:
    (home / "config.yaml").write_text(text)
    try:
        return loader.load().problems
    except ConfigError as error:
        return error.problems


@pytest.mark.long
def test_no_mistake_is_accepted(found: Found) -> None:
    assert [str(mistake) for mistake, said in found if not said] == []


def test_every_mistake_is_named_at_its_line(found: Found) -> None:
    elsewhere = [
        str(mistake)
        for mistake, said in found
        if mistake.line not in {one.place.line for one in said}
    ]
    assert elsewhere == []


def test_what_was_meant_is_suggested(found: Found) -> None:
    meant = [(mistake, said) for mistake, said in found if mistake.meant is not None]
    wrong = [
        str(mistake)
        for mistake, said in meant
        if mistake.meant not in {one.suggestion for one in said if one.place.line == mistake.line}
    ]
    assert len(wrong) <= (1 - WANTED_SUGGESTIONS) * len(meant), wrong


def test_every_kind_of_mistake_was_made_as_often(found: Found) -> None:
    counts = Counter(mistake.what for mistake, _ in found)
    assert len(counts) == 6
    assert max(counts.values()) - min(counts.values()) <= 1
