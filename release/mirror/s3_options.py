"""How to write to one S3 server: a value, and what is wrong with it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from release.errors import InputError

MIN_PART = 5 << 20
MAX_PART = 5 << 30
MAX_PARTS = 10_000
"""Bytes of a part that is not the last, and parts of an upload. Amazon S3 User Guide, "Amazon S3 multipart
upload limits"."""

_ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})

_MARK = 1 << 20
"""A part is longer than asked for by less than this, see ``S3Options.part_length``."""

PART_SIZE = 8 << 20
"""Bytes of one part of a multipart upload; smaller objects go in one request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """What the server shall encrypt with, at rest: its own key, or one of its key management service."""

    algorithm: Literal["AES256", "aws:kms"]
    key: str | None = None
    """The key's id, for ``aws:kms`` alone. None is the account's own."""

    def __post_init__(self) -> None:
        if self.key is not None and self.algorithm != "aws:kms":
            raise InputError(f"encryption {self.algorithm} with key {self.key}: only aws:kms has named keys")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """Where the server is and how it is written to. Credentials come from boto3's own chain.

    Attributes:
        endpoint_url: None is AWS.
        region: which of its regions.
        profile: of boto3's configuration files; None is its default.
        addressing: whether the bucket's name is in the path or, ``virtual``, in the host's name.
        encryption: at rest; None leaves it to the bucket.
        storage_class: of what is written once, S3's name; None leaves it to the server.
        request_rate: requests a second, further tries counted; None is no limit.
        bandwidth: bytes a second sent in bodies; None is no limit.
        attempts: of each request, the first one counted.
        part_size: bytes of a part, about. Bounds memory, see ``parallel``.
        copy_size: bytes that the server copies in one request; what is larger, in parts of this size.
        parallel: parts sent at once. An upload holds about ``(parallel + 3) * part_size`` bytes in memory.

    Ten adaptive attempts outlast a restart of a SeaweedFS server in the middle of an upload (measured: 10 s;
    three standard attempts fail).
    """

    endpoint_url: str | None = None
    region: str = "us-east-1"
    profile: str | None = None
    addressing: Literal["path", "virtual"] = "path"
    encryption: Encryption | None = None
    storage_class: str | None = None
    request_rate: float | None = None
    bandwidth: int | None = None
    attempts: int = 10
    part_size: int = PART_SIZE
    copy_size: int = MAX_PART
    parallel: int = 4

    def __post_init__(self) -> None:
        for name, value in (("request_rate", self.request_rate), ("bandwidth", self.bandwidth)):
            if value is not None and not value > 0:
                raise InputError(f"{name} {value}: expected more than 0")
        if self.storage_class in _ARCHIVES:
            raise InputError(f"storage_class {self.storage_class}: nobody could read the objects back")
        if self.attempts < 1 or not 1 <= self.parallel <= 64:
            raise InputError(
                f"attempts {self.attempts}, parallel {self.parallel}: expected 1 or more, and 1 to 64"
            )
        if not MIN_PART <= self.part_size <= MAX_PART - _MARK:
            raise InputError(f"part_size {self.part_size}: expected {MIN_PART} to {MAX_PART - _MARK} bytes")
        if not MIN_PART <= self.copy_size <= MAX_PART:
            raise InputError(f"copy_size {self.copy_size}: expected {MIN_PART} to {MAX_PART} bytes")

    def part_length(self, size: int, identity: str) -> int:
        """Bytes of every part but the last of an upload of ``size`` bytes.

        S3 tells of an unfinished upload which parts it has and how long they are, and nothing of what it was
        begun for. So the length is made from ``identity``, which names content, media type and all else that
        an upload fixes when it begins: parts of that very length are from an upload of the same. Two
        identities share a length once in a million; what the parts hold is compared besides.
        """
        mark = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:4], "big") % _MARK
        return max(self.part_size, -(-size // MAX_PARTS)) + mark
