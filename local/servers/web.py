"""Requests to the HTTP servers of this stack, past every proxy."""

import urllib.request

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def is_answering(url: str) -> bool:
    """Whether a GET of this address succeeds."""
    try:
        with _opener.open(url, timeout=2) as response:
            return bool(response.status == 200)  # noqa: PLR2004 -- HTTP's OK
    except (OSError, ValueError):
        return False


def put_json(url: str, body: bytes) -> None:
    """A PUT of this JSON text; anything but success is an error."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="PUT")  # noqa: S310 -- a loopback address made here
    _opener.open(request, timeout=10).close()
