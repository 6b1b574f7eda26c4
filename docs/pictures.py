"""Take the pictures of the README from a run of the demo: `make pictures`.

It needs Debian's `chromium`; the pictures land in `docs/images/`.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent / "images"
PICTURES = {
    "alert.png": ("/slack?channel=data-platform", "900,640"),
    "digest.png": ("/slack?channel=ds-oncall", "900,1100"),
    "status.png": ("/", "1000,1100"),
}
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def main() -> None:
    """Run the demo to its end, take every picture, stop it."""
    browser = shutil.which("chromium")
    if browser is None:
        sys.exit("chromium is not installed: apt-get install chromium")
    FOLDER.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "monitor", "demo"]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert demo.stdout is not None
        address = ""
        for line in demo.stdout:
            address = address or "".join(re.findall(r"Status of the day: +(\S+?)/$", line.strip()))
            if "until Ctrl-C" in line:
                break
        for name, (path, size) in PICTURES.items():
            take(browser, address + path, FOLDER / name, size)
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait()


def take(browser: str, address: str, picture: Path, size: str) -> None:
    """Take one picture of a page, of the size of the window (width,height in pixels)."""
    with tempfile.TemporaryDirectory() as profile:
        own = (f"--user-data-dir={profile}", f"--window-size={size}", f"--screenshot={picture}")
        subprocess.run([browser, *QUIET, *own, address], check=True, capture_output=True)


if __name__ == "__main__":
    main()
