"""The rules a payload is held to, each with a number and a name that errors carry."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from release.errors import InputError


class Rule(Enum):
    """One rule of the format or of the client. Source: the client's code and the verdicts it gave."""

    HEADER = (1, "the file starts with the CrAU header of format version 1")
    MANIFEST_SIZE = (2, "the manifest lies inside the file and below the limit")
    MANIFEST = (3, "the manifest is a raw protobuf message with known operations")
    BLOCK_SIZE = (4, "the block size is a power of two, 512 bytes to 1 MiB")
    NEW_INFO = (5, "new_partition_info names size and SHA-256 of the new image")
    OLD_INFO = (6, "old_partition_info, where given, carries a SHA-256")
    PROCEDURE = (7, "a procedure names size and SHA-256 of the file it makes, each kind once")
    OPERATION = (8, "an operation has the fields of its type and no others that change its meaning")
    EXTENTS = (9, "extents are not empty and lie inside the target")
    BLOB_ORDER = (10, "blobs lie one behind the other in operation order, without gaps")
    PAYLOAD_SIZE = (11, "the file ends where blobs and signatures end")
    SIGNATURES = (12, "signatures_offset and signatures_size describe a Signatures message at the end")
    BLOB_HASH = (13, "every blob has a SHA-256 and matches it")
    BLOB_LENGTH = (14, "the data of an operation fit its extents")
    BZIP2 = (15, "a REPLACE_BZ blob is exactly one complete bzip2 stream")
    PATCH = (16, "a BSDIFF blob is a BSDIFF40 patch that makes exactly dst_length bytes")
    SOURCE_NEEDED = (17, "every block is written before it is read or left as it is, or a source is given")
    SOURCE_HASH = (18, "the source is the image that the payload names")
    RESULT_HASH = (19, "the result has the size and SHA-256 that the payload names")
    WORK = (20, "the operations write and read no more than a bounded multiple of the image")
    PROFILE = (21, "the client profile allows what the payload uses")

    def __init__(self, number: int, statement: str) -> None:
        self.number = number
        self.statement = statement

    @property
    def slug(self) -> str:
        """The name errors show, for example ``blob-order``."""
        return self.name.lower().replace("_", "-")


class PayloadFormatError(InputError):
    """A payload breaks a rule. ``rule`` says which one."""

    def __init__(self, rule: Rule, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"rule {rule.number} ({rule.slug}): {message}", hint=hint)
        self.rule = rule
        self._detail = message

    def at(self, path: Path) -> PayloadFormatError:
        """The same error, naming the file. Errors that name it already stay as they are."""
        if str(path) in self._detail:
            return self
        return PayloadFormatError(self.rule, f"{path}: {self._detail}", hint=self.hint)
