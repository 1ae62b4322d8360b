"""Compiles the native parts of the payload engine; hatchling runs it for every wheel and editable install.

The library lands beside its sources. The flags are plain: no code for the machine at hand alone, no
floating-point liberties (there is no floating point), so that every build gives the same payloads.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DIRECTORY = Path("release/payload/native")
LIBRARY = "_native.so"
FLAGS = ("-std=gnu11", "-O3", "-g0", "-fPIC", "-shared", "-fvisibility=hidden", "-fno-strict-aliasing",
         "-Wall", "-Wextra", "-Werror=implicit-function-declaration")  # fmt: skip


def compiler() -> str:
    """The C compiler: what CC names, or cc, or gcc. Raises RuntimeError if there is none."""
    found = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if not found:
        raise RuntimeError("no C compiler was found: apt-get install gcc libc6-dev, or name one in CC")
    return found


def compile_library(root: Path, *more: str, library: str = LIBRARY) -> Path:
    """Compile all sources under ``root`` into one library; it appears whole. Raises RuntimeError."""
    program = compiler()
    directory = root / DIRECTORY
    sources = sorted(str(path) for path in directory.glob("*.c"))
    target, partial = directory / library, directory / f".{library}.{os.getpid()}"
    done = subprocess.run(
        [program, *FLAGS, *more, "-o", str(partial), *sources], capture_output=True, text=True, check=False
    )
    if done.returncode:
        partial.unlink(missing_ok=True)
        raise RuntimeError(f"{program}: exit code {done.returncode}\n{done.stderr}")
    partial.replace(target)
    return target


class CustomBuildHook(BuildHookInterface[Any]):
    """What ``[tool.hatch.build.hooks.custom]`` names."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and say that the wheel is for one kind of machine, but for every Python 3."""
        del version
        library = compile_library(Path(self.root))
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{_platform()}"
        build_data["artifacts"].append(str(library.relative_to(self.root)))


def _platform() -> str:
    from packaging.tags import platform_tags  # noqa: PLC0415 - a build dependency of hatchling

    return next(iter(platform_tags()))
