from random import Random

import pytest

from monitor.sources.trino.guard import _by_parser, _by_tokens, _is_plain, objection, why_refused
from monitor.sources.trino.lexer import tokens
from tests.often import often
from tests.sources.trino.attacks import attacks
from tests.sources.trino.readings import ALONE, readings


def test_no_attack_of_the_corpus_passes() -> None:
    corpus = dict(attacks())
    assert len(corpus) >= 1000
    assert [name for name, text in corpus.items() if why_refused(text) is None] == []
    assert [name for name, text in corpus.items() if objection(text) is None] == []


def test_the_first_lock_alone_refuses_every_attack_that_trino_would_run() -> None:
    """Sqlglot may read a text in another way than Trino; the tokens are Trino's own."""
    open_to = [name for name, text in attacks() if _by_tokens(list(tokens(text))) is None]
    # In Trino a UNION joins queries only: the second lock refuses these, and so would Trino.
    assert [name for name in open_to if not name.startswith("in a union")] == []


@pytest.mark.long
def test_nearly_every_reading_passes() -> None:
    corpus = list(readings())
    assert len(corpus) >= 1000
    refused = [text for text in corpus if why_refused(text) is not None]
    assert len(refused) <= 0.005 * len(corpus)
    # Every form of SELECT counts once here, however often it is combined above.
    assert [text for text in refused if text in ALONE] == []


@pytest.mark.long
def test_nearly_every_reading_is_let_pass_without_the_slow_parser() -> None:
    corpus = list(readings())
    slow = [text for text in corpus if not _is_plain(text, list(tokens(text)))]
    assert len(slow) <= 0.01 * len(corpus)


def test_what_passes_without_the_parser_is_never_a_write_to_the_parser() -> None:
    """Attacks with a part torn out or doubled: whatever then passes holds nothing that writes."""
    random = Random(5)  # noqa: S311  # the same cases every time
    corpus = [text for _, text in attacks()]
    for _ in range(often(1000, 20_000)):
        text = random.choice(corpus)
        begin, end = sorted(random.randrange(len(text) + 1) for _ in range(2))
        torn = text[:begin] + text[end:] if random.random() < 0.7 else text[:end] + text[begin:]
        if why_refused(torn) is None:
            assert "not allowed" not in (_by_parser(torn) or ""), torn
