"""A configuration as a git revision has it, in a folder of its own."""

import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click


@contextmanager
def at_revision(config: Path, revision: str) -> Iterator[Path]:
    """Yield the path of the configuration as of a revision. Raise UsageError without one."""
    here = config.resolve()
    top = Path(_git(here.parent, "rev-parse", "--show-toplevel").decode().strip())
    commit = _git(top, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    with TemporaryDirectory(prefix="monitor-plan-") as folder:
        archive = _git(top, "archive", "--format=tar", commit.decode().strip())
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
        old = Path(folder) / here.relative_to(top.resolve())
        if not old.is_file():
            raise click.UsageError(f"{config} does not exist in revision {revision}")
        yield old


def _git(folder: Path, *words: str) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603  # words are passed as they are, without a shell
            ["git", "-C", str(folder), *words],  # noqa: S607  # the git that is there
            capture_output=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise click.UsageError(f"git cannot be run: {error}") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise click.UsageError(f"git {words[0]}: {said[0] if said else 'failed'}")
    return done.stdout
