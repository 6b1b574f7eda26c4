"""Files and folders of checks with problems, and whom they belong to."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from monitor.config.build_file import FileBuild
from monitor.config.plan import BrokenFile, Plan, Problem
from monitor.config.platform_file import Platform


def broken_files(
    problems: Iterable[Problem],
    builds: Mapping[Path, FileBuild],
    platform: Platform,
    before: Plan | None,
) -> dict[str, BrokenFile]:
    """Describe the files and folders of checks with problems to whoever is told of them."""
    found: dict[Path, list[Problem]] = {}
    for problem in problems:
        path = Path(problem.place.file)
        if path.is_relative_to(platform.checks):
            found.setdefault(path, []).append(problem)
    names = {path: str(path.relative_to(platform.checks)) for path in found}
    return {
        names[path]: BrokenFile(
            names[path], _maintainer(path, builds, platform, before), tuple(here)
        )
        for path, here in found.items()
    }


def _maintainer(
    path: Path, builds: Mapping[Path, FileBuild], platform: Platform, before: Plan | None
) -> str | None:
    """Return whom a file belongs to: by itself, by what it was before, by what lies beside it."""
    old = before.checks.values() if before is not None else ()
    near = [other for other in builds if path.parent in other.parents and other != path]
    named = (
        *(_named_in(builds[path]) if path in builds else ()),
        *(check.maintainer for check in old if check.place.file == str(path)),
        *(name for one in near for name in _named_in(builds[one])),
    )
    return next((name for name in named if name in platform.maintainers), None)


def _named_in(build: FileBuild) -> tuple[str | None, ...]:
    return (build.maintainer, *(check.maintainer for check in build.checks))
