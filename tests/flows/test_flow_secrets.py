"""A passphrase that a worker needs gets into no record that Prefect keeps."""

from __future__ import annotations

import subprocess
import sys

from tests.prefect_server import PrefectServer
from tests.small_yard import OLD, SmallYard
from tests.unit.signing.rsa_keys import private_key, write_private, write_public

CANARY = "canary-16180339"
RUN = """
import sys
from flows.build_candidate import build_candidate
print(build_candidate(sys.argv[1], channel="alpha"))
"""


def run(yard: SmallYard, server: PrefectServer, passphrase: str) -> subprocess.CompletedProcess[bytes]:
    environment = {
        **server.environment,
        "PREFECT_LOGGING_LEVEL": "DEBUG",
        "HUMPYARD_SECRET_PAYLOAD": passphrase,
    }
    command = [sys.executable, "-c", RUN, str(yard.settings)]
    return subprocess.run(command, env=environment, cwd=yard.root, capture_output=True, check=False)


def test_a_passphrase_is_in_no_flow_run_log_or_file(
    small_yard: SmallYard, prefect_server: PrefectServer
) -> None:
    yard = small_yard
    write_private(yard.root / "secret/locked.pem", private_key("locked"), CANARY.encode())
    write_public(yard.root / "keys/locked.pub.pem", private_key("locked"))
    with yard.settings.open("a") as settings:
        settings.write(
            '\n[channels.alpha]\nsigners = ["file:secret/locked.pem?secret=payload"]\n'
            'keys = ["keys/locked.pub.pem"]\n'
        )
    for version in yard.root.glob("incoming/*/*"):
        if version.name != str(OLD):
            version.rename(yard.root / version.name)
    wrong = run(yard, prefect_server, f"{CANARY}-wrong")
    assert wrong.returncode != 0
    assert b"could not decrypt key" in wrong.stderr + wrong.stdout
    right = run(yard, prefect_server, CANARY)
    assert right.returncode == 0, right.stderr
    assert b"digest" in right.stdout
    kept = b"".join(path.read_bytes() for path in prefect_server.home.rglob("*") if path.is_file())
    assert kept.count(b"secret/locked.pem?secret=payload"), "the run and its refusal are on record"
    made = b"".join(path.read_bytes() for path in yard.root.rglob("*") if path.is_file())
    assert b"canary" not in kept + made + wrong.stdout + wrong.stderr + right.stdout + right.stderr
