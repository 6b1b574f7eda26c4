"""A scripted Slack on loopback: the part of the Web API that the receiver uses, with faults."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Literal, Self, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from monitor.testing.slack_page import heading, message_html, page

Fault: TypeAlias = Literal[
    "pass",
    "rate_limited",
    "server_error",
    "error_after_commit",
    "drop_after_commit",
    "drop",
    "hang",
    "invalid_blocks",
    "channel_not_found",
    "not_in_channel",
    "invalid_auth",
]
Message: TypeAlias = dict[str, Any]
Answer: TypeAlias = dict[str, Any]

MOST_BLOCKS = 50
RETRY_AFTER_SECONDS = 3


@dataclass
class ScriptedSlack:
    """The server; a context manager.

    ``faults`` are used up one a writing call (``chat.*``), oldest first; ``pass`` is none.
    ``messages`` holds every message and reply, oldest first, each with its ``channel`` by name,
    its ``ts``, and ``history``, the texts that edits have replaced. ``calls`` are the methods in
    the order of the calls. ``users`` are the people of the workspace: ids by address. ``files``
    are what was uploaded: the bytes as ``content``, besides what its thread shows.
    """

    faults: list[Fault] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    users: dict[str, str] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        """Listen on a free port."""
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._names: dict[str, str] = {}
        self._last_ts = 1_700_000_000
        self._server = _Server(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening, and let go of whoever hangs."""
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The base of the Web API."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/api/"

    def parents(self, channel: str) -> list[Message]:
        """Return the messages of a channel that are no replies, oldest first."""
        return [m for m in self.messages if m["channel"] == channel and "thread_ts" not in m]

    def replies(self, ts: str) -> list[Message]:
        """Return the thread below a message, oldest first."""
        return [m for m in self.messages if m.get("thread_ts") == ts]

    def call(self, method: str, fields: dict[str, Any]) -> Answer:
        """Do what a method does; return its answer."""
        with self._lock:
            self.calls.append(method)
            known = {
                "auth.test": self._test,
                "chat.postMessage": self._post,
                "chat.update": self._update,
                "files.getUploadURLExternal": self._upload_url,
                "files.completeUploadExternal": self._uploaded,
                "conversations.list": self._list,
                "users.lookupByEmail": self._lookup,
                "conversations.history": self._history,
                "conversations.replies": self._replies,
            }
            if method not in known:
                return _error("unknown_method")
            return known[method](fields)

    def html(self, only: str | None = None) -> str:
        """Show every channel, or only one, as Slack would: one page without scripts."""
        with self._lock:
            channels = list(dict.fromkeys(message["channel"] for message in self.messages))
            parts = []
            for channel in channels if only is None else [only]:
                shown = [message_html(m, self.replies(m["ts"])) for m in self.parents(channel)]
                parts.extend([heading(channel), *shown])
        return page(channels, "\n".join(parts))

    def _test(self, _fields: dict[str, Any]) -> Answer:
        return {"ok": True, "team": "scripted", "user": "monitor"}

    def _post(self, fields: dict[str, Any]) -> Answer:
        fault = _fault_of(fields)
        if fault is not None:
            return _error(fault)
        channel = self._name_of(str(fields["channel"]))
        self._last_ts += 1
        ts = f"{self._last_ts}.000100"
        self.messages.append({**fields, "channel": channel, "ts": ts})
        return {"ok": True, "channel": self._id_of(channel), "ts": ts}

    def _update(self, fields: dict[str, Any]) -> Answer:
        fault = _fault_of(fields)
        if fault is not None:
            return _error(fault)
        if str(fields["channel"]) not in self._names:
            return _error("channel_not_found")  # an edit wants an id, not a name
        for message in self.messages:
            if message["ts"] == fields["ts"] and message["channel"] == self._name_of(
                str(fields["channel"])
            ):
                message.setdefault("history", []).append(message.get("text"))
                message.update({k: fields[k] for k in ("text", "blocks") if k in fields})
                return {"ok": True, "channel": fields["channel"], "ts": fields["ts"]}
        return _error("message_not_found")

    def _lookup(self, fields: dict[str, Any]) -> Answer:
        known = self.users.get(str(fields.get("email")))
        return {"ok": True, "user": {"id": known}} if known else _error("users_not_found")

    def _upload_url(self, fields: dict[str, Any]) -> Answer:
        key = f"F{len(self.files):08d}"
        self.files[key] = {"name": fields["filename"]}
        return {"ok": True, "file_id": key, "upload_url": f"{self.url}upload/{key}"}

    def _uploaded(self, fields: dict[str, Any]) -> Answer:
        done = json.loads(fields["files"])
        for one in done:
            where = {"channel": self._name_of(str(fields["channel_id"]))}
            self.files[one["id"]] |= {**where, "thread_ts": fields.get("thread_ts"), **one}
        return {"ok": True, "files": done}

    def _list(self, _fields: dict[str, Any]) -> Answer:
        channels = [{"id": one, "name": name} for one, name in self._names.items()]
        return {"ok": True, "channels": channels, "response_metadata": {"next_cursor": ""}}

    def _history(self, fields: dict[str, Any]) -> Answer:
        if str(fields["channel"]) not in self._names:
            return _error("channel_not_found")
        found = self.parents(self._name_of(str(fields["channel"])))[::-1]
        return {"ok": True, "messages": found[: int(fields.get("limit", 100))]}

    def _replies(self, fields: dict[str, Any]) -> Answer:
        parents = [m for m in self.messages if m["ts"] == fields["ts"]]
        return {"ok": True, "messages": [*parents, *self.replies(str(fields["ts"]))]}

    def _name_of(self, channel: str) -> str:
        return self._names.get(channel, channel.removeprefix("#"))

    def _id_of(self, name: str) -> str:
        for known, its_name in self._names.items():
            if its_name == name:
                return known
        made = f"C{len(self._names):08d}"
        self._names[made] = name
        return made

    def take_fault(self, method: str) -> Fault | None:
        """Use up the next fault; None for a method that is not hit, or when none is left."""
        with self._lock:
            is_hit = method.startswith("chat.") and bool(self.faults)
            return self.faults.pop(0) if is_hit else None

    def hang(self) -> None:
        """Wait until the server ends."""
        self._ended.wait()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        class Bound(_Handler):
            scripted = self

        return Bound


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # a channel each, and all at once


class _Handler(BaseHTTPRequestHandler):
    scripted: ClassVar[ScriptedSlack]
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer; two wait for each other

    def do_GET(self) -> None:
        self._do(dict(parse_qsl(urlsplit(self.path).query)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        *_, before, last = urlsplit(self.path).path.split("/")
        if before == "upload":
            self.scripted.files[last]["content"] = body
            self._reply(200, {"ok": True})
            return
        if self.headers.get("Content-Type", "").startswith("application/json"):
            self._do(json.loads(body or b"{}"))
        else:
            self._do(dict(parse_qsl(body.decode())))

    def _do(self, fields: dict[str, Any]) -> None:
        method = urlsplit(self.path).path.rsplit("/", 1)[-1]
        fault = self.scripted.take_fault(method)
        if fault == "hang":
            self.scripted.hang()
        fault = None if fault == "pass" else fault
        is_done = fault is None or fault.endswith("_after_commit")
        answer = self.scripted.call(method, fields) if is_done else _error(str(fault))
        if fault in {"hang", "drop", "drop_after_commit"}:
            self.close_connection = True
        elif fault in {"server_error", "error_after_commit"}:
            self._reply(500, _error("fatal_error"))
        elif fault == "rate_limited":
            self._reply(429, _error("ratelimited"), RETRY_AFTER_SECONDS)
        else:
            self._reply(200, answer)

    def _reply(self, status: int, answer: Answer, retry_after: int | None = None) -> None:
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Keep quiet."""


def _error(word: str) -> Answer:
    return {"ok": False, "error": word}


def _fault_of(fields: dict[str, Any]) -> str | None:
    """Return what Slack itself would refuse: no channel, nothing to show, too many blocks."""
    if not fields.get("channel"):
        return "channel_not_found"
    blocks = fields.get("blocks") or []
    if not blocks and not fields.get("text"):
        return "no_text"
    return "invalid_blocks" if len(blocks) > MOST_BLOCKS else None
