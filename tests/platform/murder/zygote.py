"""Start `monitor run` often: the imports are paid once, each life is a fork of this process.

Reads lines on standard input, each the path of a configuration; writes the pid of each life.
"""

import os
import sys

from monitor.app import run_daemon
from monitor.cli.main import main
from monitor.store import open_store

PRELOADED = (run_daemon, open_store)


def live(config: str, log: str) -> None:
    """Become the daemon; never returns."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.argv = ["monitor", "run", "--config", config]
    code = 1
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        os._exit(code)


for line in sys.stdin:
    path, out = line.rstrip("\n").split("\t")
    pid = os.fork()
    if pid == 0:
        live(path, out)
    sys.stdout.write(f"{pid}\n")
    sys.stdout.flush()
    os.waitpid(pid, 0)
    sys.stdout.write("dead\n")
    sys.stdout.flush()
