"""Full disks, missing programs and stores that do not answer: try again later, with nothing half-made."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest

from release.cli.main import run
from release.mirror.s3_options import S3Options
from tests.e2e.refusal import FAILED, REFUSED, UNAVAILABLE, Terminal, Yard, check_message, leftovers, tree
from tests.programs import needed
from tests.small_yard import BOARD, NEW, SmallYard, image, kernel

LIMIT = 150 << 10  # above every small file and every gpg keyring here, below every image and payload


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file may grow beyond ``size`` bytes: as a full disk, but everywhere and without root."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def mounted(where: Path, options: str) -> Iterator[None]:
    """A file system of its own at ``where``. Skips the test where one may not be mounted."""
    where.mkdir(parents=True, exist_ok=True)
    mount, umount = needed("mount"), needed("umount")
    command = [mount, "-t", "tmpfs", "-o", options, "tmpfs", str(where)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("may not mount a file system here; the file size limit is tested in its place")
    try:
        yield
    finally:
        subprocess.run([umount, "--lazy", str(where)], check=True)


@contextmanager
def scarce(kind: str, where: Path, room: int) -> Iterator[None]:
    """``where`` cannot hold an image: for want of ``room`` bytes, or by a limit on sizes."""
    if kind == "limit":
        with file_size_limit(LIMIT):
            yield
    else:
        with mounted(where, f"size={room}"):
            yield


KINDS = pytest.mark.parametrize("kind", ["limit", "tmpfs"])


@KINDS
@pytest.mark.parametrize("command", ["build", "sign", "apply"])
def test_a_payload_command_leaves_nothing_on_a_full_disk(
    kind: str, command: str, small_yard: SmallYard, terminal: Terminal, tmp_path: Path
) -> None:
    new, payload, place = tmp_path / "new.img", tmp_path / "payload.gz", tmp_path / "place"
    new.write_bytes(image(NEW))
    assert run(["payload", "build", str(new), "--out", str(payload)]) == 0
    place.mkdir()
    source = {"apply": str(payload)}.get(command, str(new))
    verb = "apply" if command == "apply" else "build"
    key = ["--sign", f"file:{small_yard.root}/secret/payload-2048.pem"] if command == "sign" else []
    arguments = ["payload", verb, source, "--out", str(place / "out"), *key]
    with scarce(kind, place, 200 << 10):
        told = (f"{place}/", "hint:", "run the same command again")
        terminal.fails(UNAVAILABLE, *told, by=lambda: run(arguments))
        assert not list(place.iterdir())
    terminal.works(lambda: run(arguments))
    assert {path.name for path in place.iterdir()} == {"out"}


@pytest.mark.parametrize(
    ("kind", "room"), [("limit", LIMIT), ("tmpfs", 16 << 10), ("tmpfs", 400 << 10), ("tmpfs", 700 << 10)]
)
def test_a_candidate_that_did_not_fit_is_built_by_the_same_command_when_there_is_room(
    kind: str, room: int, small_yard: SmallYard, terminal: Terminal
) -> None:
    yard = Yard.of(small_yard)
    command = ["candidate", "build", str(small_yard.image_set(NEW)), "--version", str(NEW)]
    command += ["--channel", "alpha"]
    with scarce(kind, small_yard.root / "work", room):
        told = ("hint:", "run the same command again", str(small_yard.root / "work"))
        terminal.fails(UNAVAILABLE, *told, by=lambda: small_yard.humpyard(*command))
        yard.is_untouched()
    terminal.works(lambda: small_yard.humpyard(*command))


@KINDS
def test_an_upload_that_did_not_fit_is_completed_by_the_same_command(
    kind: str, small_yard: SmallYard, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only whole objects arrive, the document and the ledger entry not at all, and no channel moves."""
    command = ["candidate", "build", str(small_yard.image_set(NEW)), "--version", str(NEW)]
    assert small_yard.humpyard(*command, "--channel", "alpha") == 0
    staging = tree(small_yard.root / "work" / str(NEW) / "staging")
    mirror = tmp_path / "elsewhere" / "mirror"
    before = tree(small_yard.mirror)
    if kind == "limit":
        shutil.copytree(small_yard.mirror, mirror)
    monkeypatch.setenv("HUMPYARD_STORE__URL", f"file:{mirror}")
    publish = ["release", "publish", str(NEW), "--offered-in", "alpha"]
    with scarce(kind, mirror.parent, 500 << 10):
        if kind == "tmpfs":
            shutil.copytree(small_yard.mirror, mirror)
        # A limit on file sizes is met where the candidate is verified, which comes before the upload.
        where = str(mirror if kind == "tmpfs" else small_yard.root / "work")
        terminal.fails(UNAVAILABLE, where, "hint:", by=lambda: small_yard.humpyard(*publish))
        found = tree(mirror)
        assert {key: found[key] for key in before} == before
        for key in set(found) - set(before):
            assert staging[key] == found[key], key
        assert not [key for key in set(found) - set(before) if "release.json" in key or "ledger" in key]
        assert not (mirror / "alpha" / BOARD / "current").exists()
        assert not leftovers(mirror, small_yard.root)
        if kind == "tmpfs":
            shutil.copytree(mirror, tmp_path / "saved")
    if kind == "tmpfs":
        shutil.copytree(tmp_path / "saved", mirror, dirs_exist_ok=True)
    terminal.works(lambda: small_yard.humpyard(*publish))
    assert (mirror / "alpha" / BOARD / "current" / "version.txt").is_file()


def test_pages_and_statements_wait_for_room(
    released_yard: SmallYard, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store without any room: nothing new, nothing lost. Needs a mount, for the files are small."""
    mirror = tmp_path / "elsewhere" / "mirror"
    with mounted(mirror.parent, "size=8m"):
        shutil.copytree(released_yard.mirror, mirror)
        filler = mirror.parent / "filler"
        with filler.open("wb", buffering=0) as sink:
            while _write(sink.fileno(), bytes(4096)):
                pass
        monkeypatch.setenv("HUMPYARD_STORE__URL", f"file:{mirror}")
        before = tree(mirror)
        ask = ["promote", "request", str(NEW), "--to", "alpha", *released_yard.secret("ada")]
        for command in (["pages", "render"], ask):
            told = (str(mirror), "no space left", "hint:")
            terminal.fails(UNAVAILABLE, *told, by=partial(released_yard.humpyard, *command))
            assert tree(mirror) == before
            assert not leftovers(mirror)
        filler.unlink()
        for command in (["pages", "render"], ask):
            terminal.works(partial(released_yard.humpyard, *command))


@KINDS
def test_no_room_for_keyrings_is_not_a_fault_of_the_keys(
    kind: str, small_yard: SmallYard, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = Path(tempfile.mkdtemp(dir="/tmp", prefix="hyr-"))  # sockets need a short path
    monkeypatch.setattr("release.signing.scratch.ROOT", homes)
    monkeypatch.setattr("logging.raiseExceptions", False)  # a log has no room either, and would tell of it
    if kind == "limit":
        room: AbstractContextManager[None] = file_size_limit(16)
    else:
        room = mounted(homes, "size=4k")
    try:
        with room:
            told = (str(homes), "hint:", "run the same command again")
            terminal.fails(UNAVAILABLE, *told, by=lambda: small_yard.humpyard("promote", "status"))
            assert not list(homes.iterdir())
        terminal.works(lambda: small_yard.humpyard("promote", "status"))
    finally:
        homes.rmdir()


def _write(file: int, data: bytes) -> bool:
    try:
        return os.write(file, data) > 0
    except OSError:
        return False


@contextmanager
def read_only(where: Path) -> Iterator[None]:
    """A directory that nobody, or root neither, may write in."""
    if os.geteuid() == 0:
        with mounted(where, "ro,size=4k"):
            yield
        return
    where.mkdir(mode=0o555)
    try:
        yield
    finally:
        where.chmod(0o755)


@pytest.mark.parametrize("verb", ["build", "apply"])
def test_a_read_only_place_is_refused_at_once(verb: str, terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "new.img").write_bytes(image(NEW))
    assert run(["payload", "build", str(tmp_path / "new.img"), "--out", str(tmp_path / "p")]) == 0
    source = tmp_path / ("new.img" if verb == "build" else "p")
    with read_only(tmp_path / "place"):
        out = tmp_path / "place" / "out"
        told = (str(out), "read-only")
        terminal.fails(REFUSED, *told, by=lambda: run(["payload", verb, str(source), "--out", str(out)]))


def test_a_read_only_yard_is_refused(
    released_yard: SmallYard, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with read_only(tmp_path / "place"):
        monkeypatch.setenv("HUMPYARD_WORK", str(tmp_path / "place" / "work"))
        command = ["candidate", "build", str(released_yard.image_set(NEW)), "--version", str(NEW)]
        told = (str(tmp_path / "place"),)
        terminal.fails(REFUSED, *told, by=lambda: released_yard.humpyard(*command, "--channel", "alpha"))
        told = (str(tmp_path / "place"),)
        terminal.fails(REFUSED, *told, by=lambda: run(["init", str(tmp_path / "place")]))


def humpyard(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    program = "import sys; from release.cli.main import main; sys.argv[0] = 'humpyard'; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("absent", ["gpg", "gpgconf"])
def test_a_missing_program_is_named_with_the_package_that_has_it(
    absent: str, small_yard: SmallYard, tmp_path: Path
) -> None:
    present = "gpgconf" if absent == "gpg" else "gpg"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / present).symlink_to(str(shutil.which(present)))
    yard = Yard.of(small_yard)
    command = ["candidate", "build", str(small_yard.image_set(NEW)), "--version", str(NEW)]
    options = ["--channel", "alpha", "--settings", str(small_yard.settings)]
    done = humpyard(*command, *options, PATH=str(tmp_path / "bin"))
    assert done.returncode == FAILED, done.stderr
    check_message(done.stderr, (f"{absent}: this program is not installed", "hint:", "install gnupg"))
    yard.is_untouched()
    assert not (small_yard.root / "work").exists()


def test_a_gpg_that_fails_is_a_failed_tool(small_yard: SmallYard, tmp_path: Path) -> None:
    for name in ("gpg", "gpgconf"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'out of order' >&2\nexit 9\n")
        (tmp_path / name).chmod(0o755)
    done = humpyard(
        "promote", "status", "--settings", str(small_yard.settings), PATH=f"{tmp_path}:/usr/bin:/bin"
    )
    assert done.returncode == FAILED, done.stderr
    check_message(done.stderr, ("gpg",))


def test_outside_a_test_runner_there_is_one_message_too(small_yard: SmallYard) -> None:
    """Nothing but ours reaches standard error: no log lines of libraries, no warnings."""
    kernel_file = small_yard.image_set(NEW) / "flatcar_production_image.vmlinuz"
    kernel_file.write_bytes(kernel(NEW) + b"!")
    command = ["candidate", "build", str(small_yard.image_set(NEW)), "--version", str(NEW)]
    done = humpyard(*command, "--channel", "alpha", "--settings", str(small_yard.settings))
    assert done.returncode == REFUSED
    check_message(done.stderr, (kernel_file.name, "hint:"))
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert [line.split()[0] for line in lines] == ["error:", f"{kernel_file}:", "hint:"]


def test_a_store_that_refuses_connections_is_unavailable(
    small_yard: SmallYard, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "throw-away")
        monkeypatch.setattr("release.wiring.S3Options", partial(S3Options, attempts=2))  # not 20 s
        monkeypatch.setenv("HUMPYARD_STORE__URL", "s3://bucket/prefix")
        monkeypatch.setenv("HUMPYARD_STORE__S3_ENDPOINT", endpoint)
        for command in (["promote", "status"], ["release", "publish", str(NEW)]):
            terminal.fails(UNAVAILABLE, endpoint, by=partial(small_yard.humpyard, *command))
        keys = small_yard.root / "keys"
        verify = ["verify", endpoint, str(NEW), "--product", "Small OS"]
        verify += [f"--release-key={keys}/pipeline.asc", f"--payload-key={keys}/payload-2048.pub.pem"]
        terminal.fails(UNAVAILABLE, endpoint, by=lambda: run(verify))
