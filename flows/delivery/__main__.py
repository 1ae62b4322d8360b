"""`python -m flows.delivery --out DIRECTORY`: what `make delivery` runs."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def main() -> int:
    """Deliver; returns the exit code of the command line's contract."""
    parser = argparse.ArgumentParser(prog="make delivery", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("delivery"), help="where everything goes")
    parser.add_argument("--content", type=int, default=48, help="MiB of files per image")
    options = parser.parse_args()
    out = options.out.resolve()
    _embed_prefect(out)

    from flows.delivery.telling import run  # noqa: PLC0415 - after the environment is as Prefect needs it

    return run(out, options.content)


def _embed_prefect(out: Path) -> None:
    """Give Prefect a home of its own. It reads the environment when it is imported, so before that."""
    os.environ.setdefault("PREFECT_HOME", str(out / "prefect"))
    os.environ.setdefault("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "true")
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")


if __name__ == "__main__":
    sys.exit(main())
