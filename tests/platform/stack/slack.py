"""A Slack that nobody here wrote: `emulate` of Vercel Labs, which keeps state and checks scopes.

Measured: ready in 0.5-1 s, resident memory 75 MiB, 11 MB from npm in 2 s (and Node 24 from PyPI,
61 MB, where the machine's Node is older than 22). Read in its README and seen: it has no Socket
Mode, no buttons, no user groups, no rate limits, and it accepts blocks that Slack refuses.
"""

from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import httpx
import yaml
from slack_sdk import WebClient

from tests.platform.stack import node
from tests.platform.stack.cache import obtain, run_download
from tests.platform.stack.server import Program, Server

# Pinned: the tag `latest` of this name is another, unrelated package.
PACKAGE = "emulate@0.12.2"
_ENTRY = "emulate-0.12.2"

TOKEN = "xoxb-monitor"
MORE_TOKENS = tuple(f"xoxb-monitor-{n}" for n in range(30))
"""Further tokens of the same bot: the emulator gives each 5,000 calls an hour and no more."""

USERS = {"asha": "asha@example.com", "ben": "ben@example.com"}
CHANNELS = ("recsys-alerts", "data-platform", "ds-oncall", "ml-serving")
SCOPES = (
    "channels:history",
    "channels:read",
    "chat:write",
    "chat:write.public",
    "files:write",
    "groups:history",
    "groups:read",
    "usergroups:read",
    "users:read",
    "users:read.email",
)
"""What the token may do; a call beyond it gets `missing_scope`, as from Slack itself."""


class SlackServer(Server):
    """The Slack emulator with four channels, two people and one bot token."""

    name: ClassVar[str] = "slack"
    remedy: ClassVar[str] = "It runs under Node 22 or newer."
    ready_limit: ClassVar[timedelta] = timedelta(seconds=60)

    token: ClassVar[str] = TOKEN

    @classmethod
    def lacks(cls) -> str | None:
        return node.lacks()

    @classmethod
    def fetch(cls) -> None:
        obtain(_ENTRY, _install)

    def prepare(self) -> Program:
        package = obtain(_ENTRY, _install)
        seed = self.work / "seed.yaml"
        seed.write_text(yaml.safe_dump({"slack": _seed()}))
        index = package / "node_modules" / "emulate" / "dist" / "index.js"
        start = [str(node.node_home() / "bin" / "node"), str(index), "start", "--service", "slack"]
        return Program([*start, "--port", str(self.port), "--seed", str(seed)])

    def is_ready(self) -> bool:
        try:
            answer = httpx.post(
                f"{self.api_url}auth.test",
                headers={"Authorization": f"Bearer {TOKEN}"},
                timeout=2,
            )
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK and answer.json().get("ok") is True

    @property
    def api_url(self) -> str:
        """What slack_sdk calls `base_url`; it ends with a slash."""
        return f"{self.url}/api/"

    def facts(self) -> dict[str, str]:
        return {"url": self.url, "api": self.api_url, "token": TOKEN}

    def client(self) -> WebClient:
        """Make an unmodified slack_sdk client that does not retry by itself."""
        return WebClient(token=TOKEN, base_url=self.api_url, retry_handlers=[])

    def channel_id(self, name: str) -> str:
        """Look up a channel of the seed; KeyError when there is none of that name."""
        listed = self.client().conversations_list()
        ids: dict[str, str] = {channel["name"]: channel["id"] for channel in listed["channels"]}
        return ids[name]


def _install(folder: Path) -> None:
    npm = [*node.npm_command(node.node_home()), "install", "--prefix", str(folder), "--no-save"]
    options = ["--no-audit", "--no-fund", "--ignore-scripts", PACKAGE]
    run_download([*npm, *options], f"{PACKAGE} from npm")


def _seed() -> dict[str, object]:
    people = [{"name": name, "email": email} for name, email in USERS.items()]
    return {
        "users": [*people, {"name": "monitor", "email": "monitor@example.com"}],
        "channels": [{"name": name} for name in CHANNELS],
        "tokens": [
            {"token": token, "user": "monitor", "scopes": list(SCOPES)}
            for token in (TOKEN, *MORE_TOKENS)
        ],
        "strict_scopes": True,
    }
