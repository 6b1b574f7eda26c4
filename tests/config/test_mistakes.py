"""No mistake in a file of checks is accepted, each is named at its line, with what was meant."""

import shutil
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from monitor.config.load import Loader
from monitor.config.plan import Problem
from tests.config.mistakes import Mistake, mistakes
from tests.often import often

ROOT = Path(__file__).parents[2]
COUNT = often(70, 500)
SEED = 20_261_125
WANTED_SUGGESTIONS = 0.95


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Mistake, list[Problem]]]:
    """Make each mistake in a copy of the shipped checks, and read them all."""
    home = tmp_path_factory.mktemp("shipped")
    shutil.copytree(ROOT / "checks", home / "checks")
    shutil.copy(ROOT / "config.yaml", home)
    shipped = {
        str(path.relative_to(home)): path.read_text() for path in home.rglob("checks/*/*.yaml")
    }
    loader = Loader(home / "config.yaml", {})
    assert loader.load().problems == ()
    results = []
    for mistake in islice(mistakes(shipped, SEED), COUNT):
        (home / mistake.file).write_text(mistake.text)
        problems = loader.load().problems
        (home / mistake.file).write_text(shipped[mistake.file])
        here = [one for one in problems if one.place.file == str(home / mistake.file)]
        results.append((mistake, here))
    assert loader.load().problems == ()
    return results


Found = list[tuple[Mistake, list[Problem]]]


@pytest.mark.long
def test_no_mistake_is_accepted(found: Found) -> None:
    assert [str(mistake) for mistake, problems in found if not problems] == []


def test_every_mistake_is_named_at_its_line(found: Found) -> None:
    elsewhere = [
        str(mistake)
        for mistake, problems in found
        if mistake.line not in {one.place.line for one in problems}
    ]
    assert elsewhere == []


def test_what_was_meant_is_suggested(found: Found) -> None:
    meant = [(mistake, problems) for mistake, problems in found if mistake.meant is not None]
    right = [
        mistake
        for mistake, problems in meant
        if mistake.meant in {one.suggestion for one in problems if one.place.line == mistake.line}
    ]
    assert len(right) >= WANTED_SUGGESTIONS * len(meant), Counter(m.what for m, _ in meant)


def test_every_kind_of_mistake_was_made_as_often(found: Found) -> None:
    counts = Counter(mistake.what for mistake, _ in found)
    assert len(counts) == 7
    assert max(counts.values()) - min(counts.values()) <= 1
