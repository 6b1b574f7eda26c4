"""What the files of checks came to, kept between two starts: for speed, and for nothing else.

A cache holds pickled values, and whoever can write it could run code as this program. So it is read
only when it belongs to the user who runs this, and nobody else may write it; and it may name no
class but those that a plan is made of. What cannot be trusted, read or understood is built again.
"""

import hashlib
import hmac
import io
import logging
import os
import pickle
import re
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import monitor
from monitor.api.check import KINDS
from monitor.config.build_file import FileBuild

log = logging.getLogger(__name__)

Builds = dict[Path, tuple[bytes, FileBuild]]
SIZE = 32
LENGTH = 8
IN_A_BLOCK = 1000
"""Checks that are pickled together: who reads them holds every part of all of them until he has
them all, and the holes that this leaves between what stays are there for good."""
_VARIABLE = re.compile(r"\$\{(\w+)")
_OTHERS = {"datetime", "pathlib"}
_BUILTINS = {"frozenset", "set"}
_UNFIT = (pickle.PicklingError, TypeError, AttributeError)
_DAMAGE = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    ImportError,
    IndexError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Cache:
    """A file with what the files of checks came to."""

    path: Path

    def read(self, key: bytes) -> Builds:
        """Return what was kept under a key; empty where it is another's, or cannot be used."""
        try:
            raw = _trusted(self.path)
        except FileNotFoundError:
            return {}
        except OSError as error:
            log.warning("the cache %s is not used: %s", self.path, error)
            return {}
        if raw[:SIZE] != key:
            log.info("the cache %s is of other settings or another program", self.path)
            return {}
        body = memoryview(raw)[2 * SIZE :]
        if not hmac.compare_digest(raw[SIZE : 2 * SIZE], _hash(body)):
            log.warning("the cache %s is damaged; all files are built again", self.path)
            return {}
        found: Builds = {}
        try:
            for block in _blocks(body):
                found |= _Reader(io.BytesIO(block)).load()
        except _DAMAGE as error:
            log.warning("the cache %s cannot be understood: %s", self.path, error)
            return {}
        return found

    def write(self, key: bytes, builds: Builds) -> None:
        """Keep what is without problems: the old file or the new one is there, never a half."""
        # Problems are told anew each time: their texts may quote what no file should hold.
        good = {path: one for path, one in builds.items() if one[0] and not one[1].problems}
        try:
            body = [part for block in _in_blocks(good) for part in _framed(block)]
            with NamedTemporaryFile(dir=self.path.parent, prefix=".checks-", delete=False) as file:
                file.writelines((key, _hash(*body), *body))
            os.replace(file.name, self.path)  # noqa: PTH105  # one call that is atomic
        except (OSError, *_UNFIT) as error:
            log.warning("the cache %s cannot be written: %s", self.path, error)


def cache_beside(store: str, env: Mapping[str, str], config: Path) -> Cache | None:
    """Say where the cache of a configuration is: beside an SQLite store, else in the user's own."""
    name = store.removeprefix("sqlite:///")
    if name not in {store, "", ":memory:"}:
        return Cache(Path(f"{name}.checks-cache"))
    home = env.get("XDG_CACHE_HOME") or (f"{env['HOME']}/.cache" if env.get("HOME") else "")
    if not home:
        return None
    folder = Path(home) / "platform-monitor"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        log.warning("there is no cache: %s", error)
        return None
    return Cache(
        folder / hashlib.blake2s(str(config.resolve()).encode(), digest_size=8).hexdigest()
    )


def cache_key(config_text: str, env: Mapping[str, str], failed: Sequence[str]) -> bytes:
    """Hash all that the meaning of a file of checks hangs on, but its own text and defaults."""
    code = hashlib.blake2s(digest_size=SIZE)
    for part in (
        monitor.__version__,
        sys.version,
        config_text,
        *(f"{name}={env.get(name)}" for name in _VARIABLE.findall(config_text)),
        *failed,
        *_programs(),
    ):
        raw = part.encode()
        code.update(len(raw).to_bytes(8, "big") + raw)
    return code.digest()


def _programs() -> Iterator[str]:
    """Go through the code of this program, of foreign kinds, and what is installed beside it."""
    folder = Path(monitor.__file__).parent
    rooms = ("anomaly", "api", "config", "core", "kinds", "sources")
    own = [path for room in rooms for path in sorted((folder / room).rglob("*.py"))]
    outside = {cls.__module__ for cls in KINDS.values()}
    files = (getattr(sys.modules.get(name), "__file__", None) for name in sorted(outside))
    packages = [Path(name) for name in sys.path if name.endswith("-packages")]
    for path in (*own, *(Path(name) for name in files if name), *packages):
        if path.exists():
            status = path.stat()
            yield f"{path}|{status.st_mtime_ns}|{status.st_size}"


def _trusted(path: Path) -> bytes:
    """Read a file that is the user's own. Raise PermissionError for any other."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise PermissionError("it is no file of the user who runs this")
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError("others may write it")
        return file.read()


def _hash(*parts: bytes | memoryview) -> bytes:
    code = hashlib.blake2s(digest_size=SIZE)
    for part in parts:
        code.update(part)
    return code.digest()


def _in_blocks(builds: Builds) -> Iterator[bytes]:
    some: Builds = {}
    count = 0
    for path, one in builds.items():
        some[path] = one
        count += len(one[1].checks)
        if count >= IN_A_BLOCK:
            yield pickle.dumps(some, protocol=5)
            some, count = {}, 0
    yield pickle.dumps(some, protocol=5)


def _framed(block: bytes) -> tuple[bytes, bytes]:
    return len(block).to_bytes(LENGTH, "big"), block


def _blocks(body: memoryview) -> Iterator[memoryview]:
    while body:
        size = int.from_bytes(body[:LENGTH], "big")
        yield body[LENGTH : LENGTH + size]
        body = body[LENGTH + size :]


class _Reader(pickle.Unpickler):
    """Makes nothing but what a plan is made of."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a class by its name. Raise UnpicklingError for what no plan holds."""
        root = module.partition(".")[0]
        kinds = {cls.__module__ for cls in KINDS.values()}
        is_plain = module in _OTHERS or (module == "builtins" and name in _BUILTINS)
        if is_plain or root == "monitor" or module in kinds:
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__.startswith(root):
                return found
        raise pickle.UnpicklingError(f"it holds {module}.{name}")
