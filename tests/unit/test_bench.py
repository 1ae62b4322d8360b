"""`make bench` on tiny images: real jobs, real programs; times are not judged."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tools.bench import goals, plan
from tools.bench.__main__ import renewed
from tools.bench.goals import GOALS, Finding, findings
from tools.bench.job import ROOT, Measurement, measure
from tools.bench.pair import BLOCK, NoPairError, Novelty, Pair, Store, cut, make_image, novelty
from tools.bench.plot import BARS, plot
from tools.bench.report import report
from tools.bench.run import Growth, Image, PairResult, Result, measure_growth, measure_pair

PAIR = "machine-ext4-2"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def done(out: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "tools.bench", "--only", "payload", "--size", "2", "--out", str(out)]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)


@pytest.fixture(scope="module")
def result(out: Path, done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0
    found: dict[str, Any] = json.loads((out / "results.json").read_text())
    return found


@pytest.fixture(scope="module")
def pair(result: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = result["pairs"][0]
    assert [found["name"]] == [each["name"] for each in result["pairs"]] == [PAIR]
    return found


def _measured(size: int = 1, cpu: float = 1.0, wall: float = 1.0, memory: int = 1) -> Measurement:
    return Measurement(
        bytes=size,
        sha256="",
        cpu_seconds=cpu,
        wall_seconds=wall,
        peak_bytes=memory,
        anonymous_bytes=memory,
        data_limit=0,
    )


def _pair_result(name: str, **measurements: Measurement) -> PairResult:
    image = Image(bytes=1 << 20, sha256="00")
    return PairResult(
        name=name,
        old=image,
        new=image,
        novelty=Novelty(blocks=256, filled=100, new=25),
        measurements={key.replace("_", " "): value for key, value in measurements.items()},
        deterministic={},
        over_limit=(),
    )


def _result(*pairs: PairResult) -> Result:
    return Result(
        date="2026-11-25",
        size="small",
        repeat=1,
        revision="abc",
        cores=2,
        cpu="a processor",
        python="CPython",
        packages={},
        load=(0.0, 0.0),
        pairs=pairs,
        growth=(),
    )


def _finding(result: Result, pair: str, of: str, field: str) -> Finding:
    (found,) = [
        each
        for each in findings(result)
        if (each.goal.pair, each.goal.of, each.goal.field) == (pair, of, field)
    ]
    return found


def test_each_job_is_measured_in_its_own_process(pair: dict[str, Any]) -> None:
    """Ours always; a public tool where it is installed."""
    programs = {name for name in plan.PROGRAMS if shutil.which(name)}
    ours = {plan.with_workers(payload, workers) for payload in plan.PAYLOADS for workers in (1, 2, 4)}
    proofs = {plan.with_workers(f"prove {payload}", n) for payload in plan.PAYLOADS for n in (1, 2)}
    assert set(pair["measurements"]) == {plan.RULE, plan.UNPACK, *programs, *ours, *proofs}
    for row in pair["measurements"].values():
        assert row.keys() == set(Measurement.__dataclass_fields__)
        assert row["bytes"] > 0
        assert 1 << 20 < row["anonymous_bytes"] <= row["peak_bytes"] + (1 << 20)


def test_proofs_make_the_new_image(pair: dict[str, Any]) -> None:
    assert pair["new"]["sha256"] != pair["old"]["sha256"]
    for payload in plan.PAYLOADS:
        row = pair["measurements"][plan.proof(payload)]
        assert {"bytes": row["bytes"], "sha256": row["sha256"]} == pair["new"]


def test_payloads_do_not_depend_on_the_number_of_workers(pair: dict[str, Any]) -> None:
    assert pair["deterministic"] == dict.fromkeys(plan.PAYLOADS, True)


def test_builds_with_two_workers_keep_to_a_limit_on_memory(pair: dict[str, Any]) -> None:
    limited = {name for name, row in pair["measurements"].items() if row["data_limit"]}
    assert limited == {f"{payload}, 2 workers" for payload in plan.PAYLOADS}
    assert pair["over_limit"] == []


def test_what_is_printed_is_the_report_and_has_all_numbers(
    out: Path, pair: dict[str, Any], done: subprocess.CompletedProcess[str]
) -> None:
    assert done.stdout == (out / "report.md").read_text()
    for name, row in pair["measurements"].items():
        assert f"| {name} | {row['bytes']:,} |" in done.stdout
    assert done.stdout.count(" | not measured |") == sum(goal.pair != "minor-ext4-large" for goal in GOALS)


def test_images_that_are_there_are_used_again(out: Path, pair: dict[str, Any]) -> None:
    image = out / "pairs" / PAIR / "new.img"
    before = image.stat().st_mtime_ns
    assert make_image(2, image, changed=True) == image
    assert (image.stat().st_mtime_ns, image.stat().st_size) == (before, pair["new"]["bytes"])


def test_a_pair_cut_to_more_and_more_shows_growth(out: Path, pair: dict[str, Any], tmp_path: Path) -> None:
    images = Store(out=out).machine(2)
    size = pair["new"]["bytes"] >> 20
    grown = list(measure_growth(images, "2", tmp_path))
    assert [(step.mib, step.payload) for step in grown] == [
        (mib, payload) for mib in (size // 2, size) for payload in (plan.FULL, plan.POSITIONAL)
    ]
    whole = pair["measurements"]["full, 2 workers"]
    assert next(step.measurement.sha256 for step in grown if step.mib == size) == whole["sha256"]


def test_a_goal_compares_two_measurements_of_its_pair() -> None:
    result = _result(
        _pair_result("minor-btrfs-zstd-large", full=_measured(97, cpu=1.0), bzip2_per_MiB=_measured(100, 8.0))
    )
    size = _finding(result, "minor-btrfs-zstd-large", plan.FULL, goals.BYTES)
    assert size.value == pytest.approx(0.97)
    assert (size.met, size.stand_in) == ("reached", False)
    cpu = _finding(result, "minor-btrfs-zstd-large", plan.FULL, goals.CPU)
    assert cpu.value == pytest.approx(1 / 8)
    assert cpu.met == "yes"


def test_a_goal_that_is_missed_says_so() -> None:
    result = _result(
        _pair_result("minor-ext4-large", full=_measured(cpu=6.0), bzip2_per_MiB=_measured(cpu=10.0))
    )
    assert _finding(result, "minor-ext4-large", plan.FULL, goals.CPU).met == "no"
    assert "| 1/1.67 | ≤ 1/1.7 | ≤ 1/3 | no |" in "\n".join(report(result))


def test_two_workers_are_to_be_so_many_times_faster() -> None:
    measured = {"full": _measured(wall=10.0), "full, 2 workers": _measured(wall=6.0)}
    result = _result(replace(_pair_result("minor-ext4-large"), measurements=measured))
    faster = _finding(result, "minor-ext4-large", "full, 2 workers", goals.WALL)
    assert faster.value == pytest.approx(10 / 6)
    assert faster.met == "yes"


@pytest.mark.parametrize(("memory", "met"), [(plan.DATA_LIMIT - 1, "yes"), (plan.DATA_LIMIT, "no")])
def test_memory_is_to_stay_below_its_bound(memory: int, met: str) -> None:
    measured = {"full, 2 workers": _measured(memory=memory)}
    result = _result(replace(_pair_result("minor-ext4-large"), measurements=measured))
    assert _finding(result, "minor-ext4-large", "full, 2 workers", goals.MEMORY).met == met


def test_another_pair_that_stands_in_is_marked() -> None:
    result = _result(
        _pair_result("minor-ext4-small", full=_measured(cpu=1.0), bzip2_per_MiB=_measured(cpu=10.0))
    )
    found = _finding(result, "minor-ext4-large", plan.FULL, goals.CPU)
    assert (found.pair, found.stand_in, found.met) == ("minor-ext4-small", True, "reached")
    assert "| minor-ext4-small * | 1/10.00 |" in "\n".join(report(result))


def test_what_was_not_measured_has_no_value() -> None:
    result = _result(_pair_result("minor-ext4-large", full=_measured()))
    assert {(found.value, found.met) for found in findings(result)} == {(None, "not measured")}


def test_failures_and_differences_are_reported() -> None:
    measured = {"full, 2 workers": _measured()}
    pair = replace(
        _pair_result("minor-ext4-large"),
        measurements=measured,
        deterministic={"full": False},
        over_limit=("full, 2 workers",),
    )
    text = "\n".join(report(_result(pair)))
    assert "0 of 1 passed" in text
    assert "Failed, and measured without: minor-ext4-large, full, 2 workers." in text
    assert "NOT EQUAL: minor-ext4-large, full." in text


def test_growth_is_reported_per_mib() -> None:
    step = Growth(
        pair="a pair", mib=10, payload=plan.FULL, measurement=_measured(1000, cpu=2.0, memory=5 << 20)
    )
    text = "\n".join(report(replace(_result(), growth=(step,))))
    assert "| 10 | full | 1,000 | 2.00 | 200 | 1.00 | 5 |" in text


def test_the_drawing_has_a_bar_for_each_payload_and_cuts_one_that_dwarfs_all() -> None:
    names = ["minor-ext4-large", "minor-ext4-small", "tiny-ext4-small"]
    pairs = [
        replace(_pair_result(name), measurements={bar: _measured(1000 + k) for k, bar in enumerate(BARS)})
        for name in names
    ]
    drawing = plot(_result(*pairs))
    tags = re.findall(r"<(\w+)", drawing)
    assert tags.count("rect") == 1 + len(BARS) + len(names) * len(BARS)
    assert tags.count("line") == len(names)
    huge = replace(pairs[2], measurements={**pairs[2].measurements, plan.FLATCAR: _measured(50_000)})
    assert plot(_result(huge)).count("<line") == 2
    assert ">50.0 kB<" in plot(_result(huge))


def test_blocks_that_are_nowhere_in_the_old_image_are_counted(tmp_path: Path) -> None:
    old, new = tmp_path / "old.img", tmp_path / "new.img"
    a, b, c, zero = (letter * BLOCK for letter in (b"a", b"b", b"c", b"\0"))
    old.write_bytes(a + b)
    new.write_bytes(zero + b + c + c + a)
    pair = Pair(name="test", old=old, new=new)
    assert novelty(pair) == Novelty(blocks=5, filled=4, new=2)


def test_pairs_that_are_given_are_used_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "pairs" / "minor-erofs-small"
    folder.mkdir(parents=True)
    (folder / "old.img").write_bytes(bytes(BLOCK))
    (folder / "new.img").write_bytes(b"x" * BLOCK)
    pair = Store(out=tmp_path / "out", given=tmp_path / "pairs").get("minor-erofs-small")
    assert pair.new == folder / "new.img"
    planned = plan.Planned(name=pair.name, full=False)
    measured = measure_pair(pair, planned, tmp_path / "work", repeat=2)
    assert set(measured.measurements) - set(plan.PROGRAMS) == set(plan.DELTAS)


def test_without_the_maker_there_is_no_pair_of_packages(tmp_path: Path) -> None:
    store = Store(out=tmp_path, maker=tmp_path / "no-maker")
    with pytest.raises(NoPairError, match=r"^minor-ext4-small: .*no-maker, .* is not there$"):
        store.get("minor-ext4-small")


def test_a_pair_is_made_whole_and_once(tmp_path: Path) -> None:
    maker = tmp_path / "maker.py"
    maker.write_text(
        "import os, sys, pathlib\n"
        "folder = pathlib.Path(os.environ['OUT']) / '-'.join(sys.argv[1:])\n"
        "folder.mkdir()\n"
        "(folder / 'old.img').write_text('old')\n"
        "assert pathlib.Path(os.environ['CACHE']).is_dir()\n"
        "(folder / 'new.img').write_text(' '.join(sys.argv[1:]))\n"
    )
    store = Store(out=tmp_path / "out", maker=maker)
    pair = store.make("tiny-btrfs-zstd-small")
    assert pair.new.read_text() == "tiny btrfs-zstd small"
    assert store.find("tiny-btrfs-zstd-small") == pair
    maker.write_text("raise SystemExit(3)")
    with pytest.raises(NoPairError, match="exit code 3"):
        store.make("tiny-erofs-small")
    assert store.find("tiny-erofs-small") is None


def test_a_cut_pair_has_the_first_mib_of_both_images(tmp_path: Path) -> None:
    old, new = tmp_path / "old.img", tmp_path / "new.img"
    old.write_bytes(b"o" * (3 << 20))
    new.write_bytes(b"n" * (2 << 20))
    part = cut(Pair(name="p", old=old, new=new), 1, tmp_path / "cut")
    assert (part.old.read_bytes(), part.new.read_bytes()) == (b"o" * (1 << 20), b"n" * (1 << 20))


def test_a_job_that_fails_says_which_and_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"^full: exit code 1: [^$]*no-such-image"):
        measure("rule", tmp_path / "full", [str(tmp_path / "no-such-image")])


def test_a_limit_on_memory_is_enforced(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(1 << 20))
    with pytest.raises(RuntimeError, match=r"^out: exit code 1: [^$]*MemoryError"):
        measure("rule", tmp_path / "out", [str(image)], data_limit=1 << 20)


def test_tables_in_the_document_are_replaced_between_their_marks() -> None:
    begin, end = "<!-- large: tables by make bench -->\n", "<!-- large: end -->"
    document = f"before\n{begin}\nold\n\n{end}\nafter\n"
    assert renewed(document, "large", "new\n") == f"before\n{begin}\nnew\n\n{end}\nafter\n"
    with pytest.raises(ValueError, match="small: end"):
        renewed(document, "small", "new\n")
