"""How many files this process may have open, and so how many callers may be connected."""

from contextlib import suppress

SPARE_FILES = 64
"""What a gateway opens beside two connections a request: the ledger, the metrics, the port, connections that wait."""


def open_as_many_files_as_allowed() -> int | None:
    """Raise this process's limit on open files, which workers inherit, to what it may be; None where nothing limits it.

    The usual 1,024 are there for programs that use select(), as we do not, and each request has two connections.
    """
    try:
        import resource
    except ImportError:  # no such limits on Windows
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # "unlimited" may be more than the system takes
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return None if soft == resource.RLIM_INFINITY else soft


def callers_allowed(max_in_flight: int) -> int | None:
    """How many callers may be connected while as many calls to providers go on as may; None where nothing limits it."""
    files = open_as_many_files_as_allowed()
    return None if files is None else max(SPARE_FILES, files - SPARE_FILES - max_in_flight)
