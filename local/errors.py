"""The error of the local stack. The commands of `make` print its text as one line."""

import errno
from pathlib import Path


class LocalError(Exception):
    """The local stack cannot do its work on this machine. The text says what failed and which log to read."""


_ADVICE = {
    errno.ENOSPC: "free some disk space",
    errno.EDQUOT: "free some disk space, or raise the quota",
    errno.EROFS: "use a checkout and a FEATURE_EVENTS_CACHE on a writable disk",
    errno.EACCES: "use a checkout and a FEATURE_EVENTS_CACHE that you own",
    errno.EPERM: "use a checkout and a FEATURE_EVENTS_CACHE that you own",
}
"""Remedies for errors of the file system that a retry cannot fix."""


def is_disk_error(error: OSError) -> bool:
    """Return whether a file could not be written for a reason that a retry cannot fix."""
    return error.errno in _ADVICE


def make_local_error(error: OSError, directory: Path) -> LocalError:
    """Convert an error of the operating system. The text names `directory` if the error names no file."""
    place = error.filename or directory
    advice = _ADVICE.get(error.errno or 0)
    return LocalError(f"{place}: {error.strerror or error}" + (f": {advice}" if advice else ""))
