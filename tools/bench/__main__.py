"""`python -m tools.bench`: what `make bench` runs. Tables go to standard output, in Markdown."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tools.bench import goals, serve
from tools.bench.job import ROOT
from tools.bench.pair import Store
from tools.bench.plot import plot
from tools.bench.report import report
from tools.bench.run import Result, run

DOCUMENT = ROOT / "docs/performance.md"
DRAWING = "performance.svg"


def to_json(result: Result) -> dict[str, Any]:
    """The content of ``results.json``: everything measured, and the goals."""
    found = [{**asdict(each), "met": each.met} for each in goals.findings(result)]
    return {**asdict(result), "goals": found}


def renewed(document: str, section: str, tables: str) -> str:
    """``document`` with other tables between the two marks of ``section``. Raises ValueError without."""
    begin, end = f"<!-- {section}: tables by make bench -->\n", f"<!-- {section}: end -->"
    before, _, rest = document.partition(begin)
    _, mark, after = rest.partition(end)
    if not mark:
        raise ValueError(f"expected {begin.strip()} and {end}")
    return f"{before}{begin}\n{tables}\n{mark}{after}"


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text)
    partial.replace(path)


def _options(environment: Mapping[str, str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    size = environment.get("SIZE") or "small"
    pairs, growth = environment.get("PAIRS") or None, environment.get("GROWTH") == "1"
    parser.add_argument(
        "--size", default=size, help="small, large, or MiB of this machine's own files; or SIZE=..."
    )
    parser.add_argument("--pairs", type=Path, default=pairs, help="folder with pairs to use; or PAIRS=...")
    parser.add_argument("--growth", action="store_true", default=growth, help="cut pairs too; or GROWTH=1")
    repeat = environment.get("REPEAT") or "1"
    parser.add_argument("--repeat", type=int, default=repeat, help="how often each job is done; or REPEAT=N")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="pairs and results")
    parser.add_argument(
        "--document", action="store_true", default=environment.get("DOCUMENT") == "1",
        help="also renew docs/performance.md; or DOCUMENT=1",
    )  # fmt: skip
    parser.add_argument(
        "--only", choices=("payload", "serve"), default=environment.get("ONLY") or None,
        help="measure one of both; or ONLY=...",
    )  # fmt: skip
    options = parser.parse_args()
    if options.size not in {"small", "large"} and not options.size.isdecimal():
        parser.error(f"size: expected small, large or MiB, found {options.size}")
    return options


def main() -> int:
    """Measure, write results, print; 1 if the number of workers changes a payload."""
    options = _options(os.environ)
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    good = options.only == "serve" or _payloads(options, out)
    if options.only != "payload":
        _update_server(options, out)
    return 0 if good else 1


def _payloads(options: argparse.Namespace, out: Path) -> bool:
    """Whether payloads are the same with any number of workers."""
    store = Store(out=out, given=options.pairs.resolve() if options.pairs else None)
    result = run(options.size, store, growth=options.growth or options.size == "large", repeat=options.repeat)
    tables = "\n".join(report(result)) + "\n"
    _write(out / "results.json", json.dumps(to_json(result), indent=2) + "\n")
    _write(out / "report.md", tables)
    _write(out / DRAWING, plot(result))
    if options.document:
        _write(DOCUMENT, renewed(DOCUMENT.read_text(), options.size, tables))
        if options.size == "large":
            _write(DOCUMENT.with_name(DRAWING), plot(result))
    print(tables, end="")
    return all(same for pair in result.pairs for same in pair.deterministic.values())


def _update_server(options: argparse.Namespace, out: Path) -> None:
    tables = serve.section()
    if tables is None:
        return
    _write(out / "serve.md", tables)
    if options.document:
        _write(DOCUMENT, renewed(DOCUMENT.read_text(), "serve", tables))
    print(f"\n{tables}", end="")


if __name__ == "__main__":
    sys.exit(main())
