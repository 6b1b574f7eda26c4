"""JSON of others: it may hold half of a pair, which is no text and cannot be stored."""

import json
import re
from typing import Any

_HALVES = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(text: str | bytes) -> Any:
    """Read JSON; halves of pairs become question marks. Raise ValueError, RecursionError."""
    written = text if isinstance(text, str) else text.decode()
    found = json.loads(written)
    if _HALVES.search(written) is None:
        return found
    return json.loads(json.dumps(found, ensure_ascii=False).encode(errors="replace"))
