"""The one error of the local stack, whose text is meant for the person at the terminal.

Everything under `local` is run by people, so whatever goes wrong ends as one readable line and the place of the log.
"""

import errno
from pathlib import Path


class LocalError(Exception):
    """Something on this machine kept the local stack from doing its work; the text says what and where to look."""


_ADVICE = {
    errno.ENOSPC: "free some space on that disk",
    errno.EDQUOT: "free some space, or have the quota raised",
    errno.EROFS: "use a checkout, and a FEATURE_EVENTS_CACHE, on a disk that can be written to",
    errno.EACCES: "use a checkout, and a FEATURE_EVENTS_CACHE, that belong to you",
    errno.EPERM: "use a checkout, and a FEATURE_EVENTS_CACHE, that belong to you",
}
"""Errors of the file system that no further try changes, each with what a person can do."""


def is_of_this_disk(error: OSError) -> bool:
    """Whether a file could not be written here, which no further try changes."""
    return error.errno in _ADVICE


def to_local_error(error: OSError, directory: Path) -> LocalError:
    """The error that tells of it; of a file that the system did not name, it names the directory."""
    place = error.filename or directory
    advice = _ADVICE.get(error.errno or 0)
    return LocalError(f"{place}: {error.strerror or error}" + (f": {advice}" if advice else ""))
