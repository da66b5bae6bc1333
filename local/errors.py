"""The one error of the local stack, whose text is meant for the person at the terminal.

Everything under `local` is run by people, so whatever goes wrong ends as one readable line and the place of the log.
"""


class LocalError(Exception):
    """Something on this machine kept the local stack from doing its work; the text says what and where to look."""
