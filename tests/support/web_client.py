"""Read from the HTTP servers of the local stack, without a proxy."""

import json
import urllib.request

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def read_json(url: str) -> object:
    """Return the JSON value at this URL, or raise if the request fails."""
    with _opener.open(url, timeout=10) as response:
        return json.load(response)
