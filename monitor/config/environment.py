"""``${NAME}`` and ``${NAME:-default}`` in the values of config.yaml."""

import re
from collections.abc import Mapping

from monitor.config.report import Report
from monitor.config.yaml_tree import Entry, Fields, Items, Node, Text

_SECRET_KEY = re.compile(r"password|passwd|token|secret|credential|(^|_)key$", re.IGNORECASE)
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def substitute(node: Node, env: Mapping[str, str], report: Report) -> Node:
    """Put the values of the environment into a tree; what is missing becomes a fault of its text.

    A default also counts when the variable is set and empty. The report learns every value that
    it must not show.
    """
    if isinstance(node, Text):
        return _text(node, env, report)
    if isinstance(node, Items):
        return Items(tuple(substitute(item, env, report) for item in node.items), node.place)
    entries: dict[str, Entry] = {}
    for key, entry in node.entries.items():
        value = substitute(entry.value, env, report)
        if isinstance(value, Text) and _SECRET_KEY.search(key):
            report.hide(value.text)
        entries[key] = Entry(entry.place, value)
    return Fields(entries, node.place, node.faults)


def _text(node: Text, env: Mapping[str, str], report: Report) -> Text:
    if "${" not in node.text:
        return node
    missing: list[str] = []

    def value(match: re.Match[str]) -> str:
        name, default = match.group(1), match.group(2)
        found = env.get(name)
        if default is not None and not found:
            return default
        if found is None:
            missing.append(name)
            return ""
        report.hide(found)
        return found

    text = _REFERENCE.sub(value, node.text)
    fault = node.fault
    if missing:
        fault = f"needs the environment variable {missing[0]}; set it, or write "
        fault += f"${{{missing[0]}:-default}}"
    return Text(text, node.place, fault, is_hidden=True)
