"""JSON that every client can read."""

from typing import Any

from starlette.responses import JSONResponse

from monitor.core.whole import write_json


class Json(JSONResponse):
    """Writes numbers that are none as texts: a measured infinity must not cost an answer."""

    def render(self, content: Any) -> bytes:
        """Write the content."""
        text = write_json(content, ensure_ascii=False, separators=(",", ":"))
        return text.encode(errors="replace")
