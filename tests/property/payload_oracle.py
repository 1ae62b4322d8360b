"""What the clients do, written down a second time and without any of our code but the message types.

Strict where the real ones fail or abort; ``bsdiff4`` and ``bz2`` decode.
"""

from __future__ import annotations

import bz2
import hashlib
import struct

import bsdiff4

from release.payload.update_metadata_pb2 import DeltaArchiveManifest, Extent, InstallOperation


def _split(payload: bytes) -> tuple[DeltaArchiveManifest, bytes]:
    magic, version, size = struct.unpack(">4sQQ", payload[:20])
    assert (magic, version) == (b"CrAU", 1)
    manifest = DeltaArchiveManifest()
    manifest.ParseFromString(payload[20 : 20 + size])
    assert manifest.IsInitialized()
    return manifest, payload[20 + size :]


def _bunzip2(data: bytes) -> bytes:
    decoder = bz2.BZ2Decompressor()
    unpacked = decoder.decompress(data)
    assert decoder.eof
    assert not decoder.unused_data
    return unpacked


def client_applies(payload: bytes, source: bytes) -> bytes:
    """update_engine with a bspatch that takes positions: in place, on a partition like ``source``."""
    manifest, blobs = _split(payload)
    size = manifest.block_size
    partition = bytearray(source) + bytes(max(0, manifest.new_partition_info.size - len(source)))
    for block in range(len(source), len(partition)):
        partition[block] = 0xA5
    consumed = 0

    def read(extents: list[Extent]) -> bytes:
        assert all(0 < (e.start_block + e.num_blocks) * size <= len(partition) for e in extents)
        return b"".join(
            partition[e.start_block * size : (e.start_block + e.num_blocks) * size] for e in extents
        )

    def write(extents: list[Extent], data: bytes) -> None:
        assert len(data) == sum(e.num_blocks for e in extents) * size
        for e in extents:
            assert e.num_blocks
            assert (e.start_block + e.num_blocks) * size <= len(partition)
            partition[e.start_block * size : (e.start_block + e.num_blocks) * size] = data[
                : e.num_blocks * size
            ]
            data = data[e.num_blocks * size :]

    for operation in manifest.partition_operations:
        blob = blobs[consumed : consumed + operation.data_length]
        if operation.data_length:
            assert operation.data_offset == consumed
            assert hashlib.sha256(blob).digest() == operation.data_sha256_hash
        consumed += operation.data_length
        src, dst = list(operation.src_extents), list(operation.dst_extents)
        if operation.type == InstallOperation.REPLACE:
            write(dst, blob)
        elif operation.type == InstallOperation.REPLACE_BZ:
            write(dst, _bunzip2(blob))
        elif operation.type == InstallOperation.MOVE:
            assert not operation.data_length
            write(dst, read(src))
        else:
            assert max(len(src), len(dst)) <= 5000
            patched = bsdiff4.patch(read(src)[: operation.src_length], blob)
            assert len(patched) == operation.dst_length
            write(dst, patched)
    result = bytes(partition[: manifest.new_partition_info.size])
    assert hashlib.sha256(result).digest() == manifest.new_partition_info.hash
    return result


def extension_client_unpacks(payload: bytes) -> bytes:
    """ue-rs: each operation is written at the start of its one extent; anything but bzip2 is raw."""
    manifest, blobs = _split(payload)
    content = bytearray()
    for operation in manifest.partition_operations:
        assert operation.HasField("data_offset")
        assert operation.HasField("data_length")
        (extent,) = operation.dst_extents
        assert extent.HasField("start_block")
        data = blobs[operation.data_offset : operation.data_offset + operation.data_length]
        if operation.type == InstallOperation.REPLACE_BZ:
            data = bz2.BZ2Decompressor().decompress(data)
        start = extent.start_block * manifest.block_size
        content.extend(bytes(max(0, start + len(data) - len(content))))
        content[start : start + len(data)] = data
    assert hashlib.sha256(content).digest() == manifest.new_partition_info.hash
    return bytes(content)
