"""The generated message types are those of the ``.proto`` beside them."""

from __future__ import annotations

import sys
from pathlib import Path

from release.payload import update_metadata_pb2
from release.process import run


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    generated = Path(update_metadata_pb2.__file__)
    scripts = str(Path(sys.executable).parent)
    run(
        [
            sys.executable,
            *("-m", "grpc_tools.protoc", "-I", generated.parent),
            *(f"--python_out={tmp_path}", f"--mypy_out={tmp_path}", "update_metadata.proto"),
        ],
        environment={"PATH": f"{scripts}:/usr/bin:/bin"},
    )
    for name in (generated.name, f"{generated.name}i"):
        assert (tmp_path / name).read_bytes() == (generated.parent / name).read_bytes()
