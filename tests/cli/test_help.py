"""The list of commands: one line each, at once."""

import subprocess
import sys

from monitor.cli.main import COMMANDS, cli


def test_the_help_lists_every_command_without_an_import_of_any() -> None:
    code = """if True:
        import sys
        from monitor.cli.main import cli
        cli(["--help"], standalone_mode=False)
        print([name for name in sys.modules if name.startswith("monitor.cli.")])
    """
    run = [sys.executable, "-c", code]
    *lines, imported = subprocess.run(
        run, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert imported == "['monitor.cli.main']"
    listed = dict(line.split(maxsplit=1) for line in lines[lines.index("Commands:") + 1 :])
    assert listed == COMMANDS


def test_every_command_of_the_list_exists() -> None:
    for name in COMMANDS:
        command = cli.get_command(None, name)  # type: ignore[arg-type]  # it asks nothing of it
        assert command is not None
        assert command.name == name
