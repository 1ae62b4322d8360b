"""Reading of an object that goes on where its connection broke off.

Five gibibytes take a while, and a server that is started again in the middle shall not cost all of them.
"""

from __future__ import annotations

from release.errors import UnavailableError
from release.mirror.s3_errors import ConditionFailedError
from release.mirror.s3_unfinished import Bucket


class ObjectBody:
    """The bytes of the object ``name``, from its beginning; all from one state of it, as its ETag tells."""

    def __init__(self, bucket: Bucket, name: str, attempts: int) -> None:
        """``attempts`` is how often a connection may break off without a byte in between, and once more.

        Raises MissingObjectError when there is no such object.
        """
        self._bucket = bucket
        self._name = name
        self._attempts = self._left = attempts
        self._at = 0
        with bucket.errors(name):
            answer = bucket.client.get_object(Bucket=bucket.name, Key=name)
            self._body, self._size = answer["Body"], answer["ContentLength"]
            self._etag = answer.get("ETag", "").strip('"')

    def read(self, count: int) -> bytes:
        """Up to ``count`` bytes, none at the end."""
        while True:
            try:
                with self._bucket.errors(self._name):
                    data = self._body.read(count)
            except UnavailableError:
                if self._at == self._size:  # all of it came, and then the connection broke off
                    return b""
                self._left -= 1
                if self._left <= 0 or not self._etag:  # without one nobody knows what a rest would be of
                    raise
                self._go_on()
            else:
                self._at += len(data)
                self._left = self._attempts if data else self._left
                return data

    def close(self) -> None:
        """Let go of the connection."""
        self._body.close()

    def _go_on(self) -> None:
        """Ask for the rest. botocore repeats this request itself while the server is away."""
        self._body.close()
        try:
            with self._bucket.errors(self._name):
                answer = self._bucket.client.get_object(
                    Bucket=self._bucket.name,
                    Key=self._name,
                    Range=f"bytes={self._at}-",
                    IfMatch=self._etag,
                )
        except ConditionFailedError as error:
            raise UnavailableError(f"{self._name}: was changed while it was read: {error}") from error
        self._body = answer["Body"]
        if not answer.get("ContentRange", "").startswith(f"bytes {self._at}-"):
            raise UnavailableError(
                f"{self._name}: the server does not go on at byte {self._at} when asked to"
            )
