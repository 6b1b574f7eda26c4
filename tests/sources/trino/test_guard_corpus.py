from monitor.sources.trino.guard import _by_tokens, why_refused
from monitor.sources.trino.lexer import tokens
from tests.sources.trino.attacks import attacks
from tests.sources.trino.readings import ALONE, readings


def test_no_attack_of_the_corpus_passes() -> None:
    corpus = dict(attacks())
    assert len(corpus) >= 1000
    assert [name for name, text in corpus.items() if why_refused(text) is None] == []


def test_the_first_lock_alone_refuses_every_attack_that_trino_would_run() -> None:
    """Sqlglot may read a text in another way than Trino; the tokens are Trino's own."""
    open_to = [name for name, text in attacks() if _by_tokens(list(tokens(text))) is None]
    # In Trino a UNION joins queries only: the second lock refuses these, and so would Trino.
    assert [name for name in open_to if not name.startswith("in a union")] == []


def test_nearly_every_reading_passes() -> None:
    corpus = list(readings())
    assert len(corpus) >= 1000
    refused = [text for text in corpus if why_refused(text) is not None]
    assert len(refused) <= 0.005 * len(corpus)
    # Every form of SELECT counts once here, however often it is combined above.
    assert [text for text in refused if text in ALONE] == []
