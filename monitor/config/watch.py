"""Noticing that files of the configuration changed, by looking at them again and again.

Notifications of the kernel are lost on network file systems and in bind mounts; a look at the
folder of ten thousand checks takes milliseconds.
"""

import os
from collections.abc import Iterator
from hashlib import blake2s
from pathlib import Path

MOST_FILES = 50_000


def signature(config_file: Path, folder: Path) -> bytes:
    """Hash names, sizes and moments of change of config.yaml and all below the checks."""
    code = blake2s()
    for path, status in _statuses(config_file, folder):
        code.update(f"{path}|{status}\n".encode())
    return code.digest()


def _statuses(config_file: Path, folder: Path) -> Iterator[tuple[str, object]]:
    yield str(config_file), _status(config_file)
    count = 0
    seen: set[tuple[int, int]] = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        status = Path(here).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.sort()
        yield here, status.st_mode
        for name in sorted(files):
            count += 1
            if count > MOST_FILES:
                return
            path = os.path.join(here, name)  # noqa: PTH118  # a Path for each of thousands, twice a second
            yield path, _status(path)


def _status(path: Path | str) -> object:
    try:
        found = os.stat(path)  # noqa: PTH116  # as above
    except OSError as error:
        return error.errno
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode
