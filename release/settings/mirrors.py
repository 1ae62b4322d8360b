"""``[mirrors.NAME]``: how to write to a mirror that the policy names. Where it is read, the policy says."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ByteSize, Field

from release.settings.section import Section


def _without_password(text: str) -> str:
    authority = text.partition("://")[2].partition("/")[0]
    if ":" in authority.rpartition("@")[0]:
        raise ValueError("expected no password in a URL, since messages show it; name it: password_secret")
    return text


class MirrorSettings(Section):
    """One mirror. Options that its kind of URL does not have are refused when it is opened."""

    url: Annotated[str, Field(max_length=1000), AfterValidator(_without_password)]
    """``s3://BUCKET/PREFIX``, ``file:DIRECTORY``, ``rsync://[USER@]HOST/MODULE/PATH``,
    ``rsync+ssh://[USER@]HOST/PATH``, or ``origin``: the store itself is what the public address serves."""
    patience: float = Field(default=900.0, ge=0, le=7 * 24 * 3600)
    """Seconds that a promotion waits for this mirror when enough others have the release."""
    bandwidth: ByteSize | None = None
    """Bytes a second that are sent at most; ``"20MiB"``, say."""
    s3_endpoint: str | None = None
    s3_region: str = "us-east-1"
    s3_profile: str | None = None
    """Of boto3's configuration files; without it, its own chain of credentials."""
    s3_addressing: Literal["path", "virtual"] = "path"
    s3_encryption: Literal["AES256", "aws:kms"] | None = None
    s3_encryption_key: str | None = None
    s3_storage_class: str | None = None
    s3_requests: float | None = Field(default=None, gt=0)
    """Requests a second at most."""
    s3_attempts: int = Field(default=10, ge=1, le=100)
    """Of each request. Ten outlast the restart of a server."""
    password_secret: str | None = None
    """The name of the secret that is an rsync daemon's password: see ``docs/keys.md``."""
    links: bool = False
    """Whether the far side of an rsync keeps symbolic links: then ``current`` is one."""
