"""What tests of stores in S3 share: credentials where boto3 looks for them, and nothing else there."""

from __future__ import annotations

import os

import pytest

from tests.seaweedfs import ACCESS_KEY, SECRET_KEY

VARIABLES = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1",
}


@pytest.fixture
def s3_credentials(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The administrator's, here and as the environment of a process of its own."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    return {"PATH": os.environ["PATH"], **VARIABLES}
