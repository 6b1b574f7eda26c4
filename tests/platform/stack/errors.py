"""What can go wrong with a server of the platform."""


class StackError(RuntimeError):
    """A server could not be started or stopped working: what failed, the log's end, the remedy."""


class UnavailableError(StackError):
    """A server lacks something on this machine (a program, a download): what, the remedy."""
