"""`python -m tools.bench`: what `make bench` runs. Tables go to standard output, in Markdown."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.demo.image_sets import MIB
from release.digests import hash_file
from tools.bench.job import Measurement, measure
from tools.bench.pair import make_image

WORKERS = (1, 2, 4)
PAYLOADS = FULL, FLATCAR, POSITIONAL = ("full", "delta flatcar", "delta positional-bspatch")
PUBLIC = RULE, BZIP2, ZSTD, XDELTA = ("bzip2 per MiB", "bzip2", "zstd", "xdelta3")
"""The reference's rule for full payloads; then programs, each in Debian's package of that name."""

_UNITS = {"bytes": "bytes", "cpu_seconds": "CPU time", "wall_seconds": "wall time"}
RATIOS = (
    (FULL, RULE, "bytes"),
    (FULL, RULE, "cpu_seconds"),
    *((delta, other, "bytes") for delta in (FLATCAR, POSITIONAL) for other in (FULL, ZSTD, XDELTA)),
    (POSITIONAL, XDELTA, "cpu_seconds"),
    *((f"{payload}, 2 workers", payload, "wall_seconds") for payload in PAYLOADS),
)
"""Which measurement is divided by which other one, in what unit. Ours are with one worker unless named."""

Job = tuple[str, str, tuple[str, ...]]
"""Name, action and its arguments."""


def _public_jobs(old: str, new: str) -> Iterator[Job]:
    yield RULE, "rule", (new,)
    commands = {
        BZIP2: ("-9", "-c", new),
        ZSTD: ("-q", "-3", "--long=31", f"--patch-from={old}", "-c", new),
        XDELTA: ("-9", "-e", "-c", "-s", old, new),
    }
    for program, argv in commands.items():
        if shutil.which(program):
            yield program, "program", (program, *argv)
        else:
            print(f"bench: left out {program}: apt-get install {program}", file=sys.stderr)


def _our_jobs(old: str, new: str, work: Path) -> Iterator[Job]:
    for payload in PAYLOADS:
        profile = "flatcar" if payload == FULL else payload.removeprefix("delta ")
        source = () if payload == FULL else (old,)
        for workers in WORKERS:
            yield _built(payload, workers), "build", (profile, str(workers), new, *source)
        yield f"verify and apply {payload}", "apply", (profile, str(work / payload), *source)


def _built(payload: str, workers: int) -> str:
    return payload if workers == 1 else f"{payload}, {workers} workers"


def run(size: int, out: Path) -> dict[str, Any]:
    """Measure everything with ``size`` MiB of files per image; the content of ``results.json``.

    Raises RuntimeError if a job fails, or if a payload does not make the new image.
    """
    paths = {"old": out / f"old-{size}.img", "new": out / f"new-{size}.img"}
    # Hashing also brings both images into the page cache.
    images = {name: hash_file(make_image(size, path, changed=name == "new")) for name, path in paths.items()}
    old, new, work = str(paths["old"]), str(paths["new"]), out / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    found: dict[str, Measurement] = {}
    for name, action, arguments in (*_public_jobs(old, new), *_our_jobs(old, new, work)):
        print(f"bench: {name}", file=sys.stderr, flush=True)
        found[name] = measure(action, work / name, arguments)
        if action == "apply" and found[name].sha256 != images["new"].sha256.hex:
            raise RuntimeError(f"{name}: expected the new image, found SHA-256 {found[name].sha256}")
    shutil.rmtree(work)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "size_mib": size,
        "cores": os.cpu_count(),
        "images": {name: {"bytes": of.size, "sha256": of.sha256.hex} for name, of in images.items()},
        "ratios": ratios(found),
        "deterministic": {
            name: len({found[_built(name, workers)].sha256 for workers in WORKERS}) == 1 for name in PAYLOADS
        },
        "measurements": {name: asdict(measurement) for name, measurement in found.items()},
    }


def ratios(found: Mapping[str, Measurement]) -> list[dict[str, Any]]:
    """``RATIOS`` with their values; left out where one of the two was not measured."""
    return [
        {"of": above, "to": below, "field": field, "value": getattr(found[above], field) / divisor}
        for above, below, field in RATIOS
        if above in found and below in found and (divisor := getattr(found[below], field))
    ]


def report(result: Mapping[str, Any]) -> Iterator[str]:
    """The tables, ratios first."""
    size = result["images"]["new"]["bytes"]
    yield f"{size / MIB:.0f} MiB image with {result['size_mib']} MiB of files, {result['cores']} cores.\n"
    yield "| | divided by | in | ratio |\n|---|---|---|---:|"
    for ratio in result["ratios"]:
        yield f"| {ratio['of']} | {ratio['to']} | {_UNITS[ratio['field']]} | {ratio['value']:.3f} |"
    yield f"\nSHA-256 of the payload with {', '.join(map(str, WORKERS))} workers:"
    yield "; ".join(
        f"{name} {'equal' if same else 'NOT EQUAL'}" for name, same in result["deterministic"].items()
    )
    yield "\n| | bytes | of the image | CPU s | wall s | peak MiB |\n|---|---:|---:|---:|---:|---:|"
    for name, row in result["measurements"].items():
        times = f"{row['cpu_seconds']:.2f} | {row['wall_seconds']:.2f} | {row['peak_bytes'] / MIB:.0f}"
        yield f"| {name} | {row['bytes']:,} | {row['bytes'] / size:.1%} | {times} |"


def main() -> int:
    """Measure, write ``results.json``, print; 1 if the number of workers changes a payload."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--size", type=int, default=os.environ.get("SIZE", "64"), help="MiB of files; or SIZE=N"
    )
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="images and results.json")
    options = parser.parse_args()
    out = options.out.resolve()
    result = run(options.size, out)
    partial = out / ".results.json.partial"
    partial.write_text(json.dumps(result, indent=2) + "\n")
    partial.replace(out / "results.json")
    print("\n".join(report(result)))
    return 0 if all(result["deterministic"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
