"""From the tree to typed values: every complaint of pydantic gets its place and a better name."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from monitor.api.errors import MonitorError
from monitor.config.plan import Place
from monitor.config.report import Report, nearest, or_known
from monitor.config.yaml_tree import Entry, Fields, Items, Node, Text, plain

_M = TypeVar("_M", bound=BaseModel)
_T = TypeVar("_T")
_UNKNOWN = "extra_forbidden"
_TEXTS = {
    "tuple_type": "must be a list, as [a, b]",
    "list_type": "must be a list, as [a, b]",
    "dict_type": "must be a map of keys",
    "mapping_type": "must be a map of keys",
    "model_type": "must be a map of keys",
    "string_type": "must be a text",
}
Path = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is being built: its name in messages (``kind 'freshness'``), its place, its check.

    ``known`` are the keys that are valid beside the fields of the class.
    """

    name: str
    place: Place
    check: str | None = None
    known: tuple[str, ...] = ()


def construct(
    cls: type[_M],
    entries: Mapping[str, Entry],
    report: Report,
    subject: Subject,
    given: Mapping[str, Any] | None = None,
    *,
    context: Mapping[str, Any] | None = None,
) -> _M | None:
    """Build a value from texts; ``given`` adds settings that no file may write.

    ``context`` holds what names stand for (``calendar``), by what is named.

    Return None after reporting all that is wrong.
    """
    fixed = given or {}
    clashes = fixed.keys() & entries.keys()
    for key in clashes:
        message = f"unknown key '{key}' in {subject.name}"
        report.add(entries[key].place, message, check=subject.check)
    texts = {key: plain(entry.value) for key, entry in entries.items()}

    def validated() -> _M | None:
        try:
            return cls.model_validate({**texts, **fixed}, context=context)
        except ValidationError as error:
            _report(error, cls, Fields(dict(entries), subject.place), report, subject)
            return None

    made = guarded(validated, report, subject)
    return None if clashes else made


def guarded(call: Callable[[], _T], report: Report, subject: Subject) -> _T | None:
    """Call into a plugin; report what it raises and return None."""
    try:
        return call()
    except MonitorError as error:
        report.add(subject.place, f"{subject.name}: {error}", check=subject.check)
    except Exception as error:  # noqa: BLE001  # a plugin may fail in any way; the others must work
        message = f"{subject.name} cannot be used: {type(error).__name__}: {error}"
        report.add(subject.place, message, check=subject.check)
    return None


def _report(
    error: ValidationError, cls: type[BaseModel], tree: Fields, report: Report, subject: Subject
) -> None:
    reported: set[Place] = set()
    meant: set[tuple[Path, str | None]] = set()
    unknown_first = sorted(error.errors(include_url=False), key=lambda e: e["type"] != _UNKNOWN)
    for one in unknown_first:
        path, code = tuple(one["loc"]), str(one["type"])
        spot = _walk(tree, path)
        if spot.place in reported and code not in {"missing", _UNKNOWN}:
            continue  # the other members of a union say the same in other words
        if code == "missing" and (path[:-1], path[-1]) in meant:
            continue  # the key is there, misspelt
        reported.add(spot.place)
        place, message, suggestion = _explain(cls, spot, one, subject)
        if code == _UNKNOWN:
            meant.add((path[:-1], suggestion))
        report.add(place, message, suggestion=suggestion, check=subject.check)


def _explain(
    cls: type[BaseModel], spot: "_Spot", error: Any, subject: Subject
) -> tuple[Place, str, str | None]:
    path: Path = tuple(error["loc"])
    code = str(error["type"])
    key = str(path[-1]) if path else ""
    if code == _UNKNOWN:
        known = {*_names_at(cls, path[:-1]), *(subject.known if len(path) == 1 else ())}
        named, hint = or_known(key, known)
        where = _where(subject, spot.steps[:-1])
        return spot.key_place, f"unknown key '{key}' in {where}{named}", hint
    if code == "missing":
        return spot.key_place, f"{_where(subject, spot.steps)} needs the key '{key}'", None
    text, suggestion = _text(code, error, spot.node)
    return spot.place, f"{_where(subject, spot.steps)} {text}", suggestion


def _where(subject: Subject, steps: Sequence[str]) -> str:
    return f"'{'.'.join(steps)}' of {subject.name}" if steps else subject.name


def _text(code: str, error: Any, node: Node | None) -> tuple[str, str | None]:
    shown = node.text if isinstance(node, Text) and not node.is_hidden else None
    if code == "literal_error":
        expected = str(error["ctx"]["expected"])
        names = re.findall(r"'([^']*)'", expected)
        return f"must be {expected}", nearest(shown, names) if shown else None
    if code == "unknown_name":
        what, name, known = (error["ctx"][key] for key in ("what", "name", "known"))
        return f"names the {what} '{name}', which is not defined", nearest(name, known)
    if code in {"value_error", "assertion_error"}:
        cause = error["ctx"]["error"] if "ctx" in error else error["msg"]
        return f"is wrong: {cause}", getattr(cause, "suggestion", None)
    if code in _TEXTS:
        return _TEXTS[code], None
    text = str(error["msg"]).replace("Input should be", "must be")
    return text[:1].lower() + text[1:], None


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a path of pydantic leads to: the steps that exist, the last key and its value."""

    steps: tuple[str, ...]
    key_place: Place
    node: Node

    @property
    def place(self) -> Place:
        """Where the value stands; for a map or list, its key."""
        return self.node.place if isinstance(self.node, Text) else self.key_place


def _walk(tree: Fields, path: Path) -> _Spot:
    """Follow a path as far as the tree goes; steps that name members of a union are left out."""
    node: Node = tree
    place = tree.place
    steps: list[str] = []
    for step in path:
        if isinstance(node, Fields) and str(step) in node.entries:
            entry = node.entries[str(step)]
            node, place = entry.value, entry.place
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            place = node.place
        else:
            continue
        steps.append(str(step))
    return _Spot(tuple(steps), place, node)


def _names_at(cls: type[BaseModel], path: Path) -> Iterator[str]:
    """Go through the valid keys of the class that a path leads to."""
    models = [cls]
    for step in path:
        fields = [m.model_fields[str(step)] for m in models if str(step) in m.model_fields]
        if fields:
            models = [model for field in fields for model in _models_in(field.annotation)]
    for model in models:
        for name, field in model.model_fields.items():
            yield field.alias or name


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
