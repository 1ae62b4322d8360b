"""The S3 store on a server of another maker: Ceph, which looks at no SHA-256 and ignores some conditions."""

from __future__ import annotations

import secrets

import pytest

from release.errors import InputError, RefusedError
from release.mirror.abilities import (
    ORIGIN_NEEDS,
    REPLICA_NEEDS,
    STRICT_REPLICA_NEEDS,
    Ability,
    Verdict,
    check_abilities,
)
from release.mirror.probe import probe
from release.mirror.s3 import S3Store
from release.mirror.s3_options import S3Options
from release.mirror.store import ConflictError, Created, Store
from tests.ceph import BUCKET, Ceph, ceph
from tests.s3_home import s3_credentials
from tests.s3_proxy import s3_proxy
from tests.s3_uploader import pattern
from tests.store_conformance import StoreConformance, sha

__all__ = ["ceph", "s3_credentials"]  # fixtures, found by their names in this module

pytestmark = pytest.mark.usefixtures("s3_credentials")


def store_at(url: str) -> S3Store:
    options = S3Options(endpoint_url=url, attempts=3, part_size=5 << 20, parallel=2)
    return S3Store(bucket=BUCKET, prefix=f"test-{secrets.token_hex(4)}", options=options)


@pytest.fixture
def store(ceph: Ceph) -> S3Store:
    return store_at(ceph.endpoint_url)


class TestS3StoreOnCeph(StoreConformance):
    """The promises of stores, but for one."""

    def test_of_racing_copies_one_wins(self, store: Store) -> None:
        """Not here: Ceph 16 copies over what is there. The probe tells, and who races is told to."""
        del store


def test_ceph_ignores_checksums_and_conditions_on_large_objects(ceph: Ceph, store: S3Store) -> None:
    """It may be the origin, and a mirror with a single writer; bytes are read back in any case."""
    found = probe(store, "s3://ceph")
    assert {one.ability for one in found.findings if one.verdict is Verdict.IGNORED} == {
        Ability.CHECKSUM,
        Ability.COPY_ONCE,
        Ability.LARGE_ONCE,
        Ability.LARGE_CHECKSUM,
    }
    check_abilities(found, ORIGIN_NEEDS, "the origin")
    check_abilities(found, REPLICA_NEEDS, "a mirror")
    with pytest.raises(RefusedError, match=r"silently ignored\. Tried: CompleteMultipartUpload"):
        check_abilities(found, STRICT_REPLICA_NEEDS, "a mirror that several write to")
    assert list(store.list("")) == []
    uploads = ceph.client().list_multipart_uploads(Bucket=BUCKET, Prefix=store._prefix)
    assert uploads.get("Uploads", []) == []


def test_on_ceph_a_large_object_is_written_once_gone_on_with_copied_and_read(ceph: Ceph) -> None:
    """The look before the last request does what the ignored condition does not."""
    with s3_proxy(ceph.endpoint_url) as proxy:
        store = store_at(proxy.url)
        data = pattern(24 << 20).read()
        proxy.deny = lambda _method, path: "partNumber=" in path and len(proxy.parts()) >= 2
        with pytest.raises(InputError, match="ExpiredToken"):
            store.create("large", data, sha256=sha(data))
        before = proxy.parts()
        proxy.let_all_pass()
        proxy.deny = lambda _method, _path: False
        proxy.forget()
        assert store.create("large", data, sha256=sha(data)) == Created("large")
        assert set(proxy.parts()) & set(before) == set()
        with pytest.raises(ConflictError):
            store.create("large", data[:-1], sha256=sha(data[:-1]))
        assert store.copy("large", "copy", sha256=sha(data)) == Created("copy")
        proxy.cut = lambda method, _path: (9 << 20) if method == "GET" else None
        assert store.read("copy", 25 << 20) == data
