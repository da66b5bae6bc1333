"""Read and write the objects of one folder in a bucket."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from feature_events.aws.clients import PARALLEL, call, call_or_none, make_failure_store_client
from feature_events.aws.errors import Action
from feature_events.errors import Misconfigured

_MISSING = ("NoSuchKey", "404")
JSON, BINARY = "application/json", "application/octet-stream"


def read_all[T, R](read: Callable[[T], R], wanted: Sequence[T]) -> list[R]:
    """Return the result of `read` for each, in order, with concurrent requests."""
    if len(wanted) <= 1:
        return [read(each) for each in wanted]
    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(read, wanted))


class ObjectFolder:
    """A folder of objects in the failure bucket.

    Every method raises Misconfigured if a permission is missing, and Undelivered if S3 did not respond.

    Args:
        bucket: the bucket's name.
        folder: the start of the objects' keys, with a slash at its end.

    """

    def __init__(self, bucket: str, folder: str) -> None:
        self._bucket = bucket
        self._folder = folder
        self._s3 = make_failure_store_client()

    def name(self, name: str) -> str:
        """Return an object's key, for messages."""
        return f"{self._folder}{name}"

    def read(self, name: str) -> bytes | None:
        """Return an object, or None if it does not exist."""
        key = self.name(name)
        return call_or_none(partial(self._get, key), Action("s3:GetObject", f"{key} cannot be read"), _MISSING)

    def read_existing(self, name: str, part: range | None = None) -> bytes:
        """Return an object that was written before, or some of its bytes."""
        key = self.name(name)
        if part is not None and not part:
            return b""  # S3 does not accept an empty range
        wanted = None if part is None else f"bytes={part.start}-{part.stop - 1}"
        action = Action("s3:GetObject", f"{key} cannot be read")
        body = call_or_none(partial(self._get, key, wanted), action, _MISSING)
        if body is None:
            raise Misconfigured(f"{key} was deleted from the failure bucket: start a new run")
        return body

    def write(self, name: str, body: bytes, content_type: str = JSON) -> None:
        """Write an object."""
        key = self.name(name)
        put = partial(self._s3.put_object, Bucket=self._bucket, Key=key, ContentType=content_type)
        call(partial(put, Body=body), Action("s3:PutObject", f"{key} cannot be written"))

    def _get(self, key: str, part: str | None = None) -> bytes:
        if part is None:
            return self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return self._s3.get_object(Bucket=self._bucket, Key=key, Range=part)["Body"].read()
