"""Find a Java that runs the Trino of the tests."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

# Trino 476 wants 24.0.1 (its deployment page); 25 is the long-term release after it.
OLDEST = 24


def find_java() -> Path | None:
    """Give the home of the newest JDK of at least version 24, or None.

    Looks at `JAVA_HOME` and its versioned relatives (`JAVA_HOME_25_X64`), at the folder where Linux
    distributions put their JDKs, and at `java` on the PATH.
    """
    homes = {home: version for home in _homes() if (version := _version(home)) >= OLDEST}
    return max(homes, key=lambda home: homes[home], default=None)


def _homes() -> Iterator[Path]:
    yield from (Path(v) for k, v in os.environ.items() if k.startswith("JAVA_HOME") and v)
    yield from sorted(Path("/usr/lib/jvm").glob("*"))
    if java := shutil.which("java"):
        yield Path(java).resolve().parent.parent


def _version(home: Path) -> int:
    # Every JDK since 9 says its version in a file, which is quicker than starting it.
    release = home / "release"
    if not release.is_file() or not (home / "bin" / "java").exists():
        return 0
    match = re.search(r'JAVA_VERSION="(\d+)', release.read_text(encoding="utf-8"))
    return int(match[1]) if match else 0
