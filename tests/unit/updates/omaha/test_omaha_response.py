"""Answers are what both clients read, byte for byte the same each time."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from release.bundle.document import encode
from release.catalog.board import Board
from release.digests import Digest
from release.trust.channel_document import ChannelDocument, OfferedPayload, OfferedRelease
from release.updates.machine import machine_of
from release.updates.offer import NoUpdate, Reason, decide
from release.updates.omaha_request import read_request
from release.updates.omaha_response import AppAnswer, prepare, render
from tests.unit.bundle.samples import NEW as SAMPLE
from tests.unit.bundle.samples import OLD as SAMPLE_SOURCE
from tests.unit.bundle.samples import board_inputs, release_of, with_extension
from tests.unit.updates.omaha import readers, requests
from tests.unit.updates.omaha.scene import NOW, OLD, OLDEST, delta, document, floor, offer, payload, release

AZURE, ZFS = payload("oem-azure.gz", extension=True), payload("flatcar-zfs.gz", extension=True)
PLACE = "update/amd64-usr/4593.2.0/"


def answer_to(data: bytes, served: ChannelDocument | None, poll_interval: int | None = None) -> bytes:
    request = read_request(data)
    manifests = {} if served is None else prepare(served)
    return render(
        [
            AppAnswer(
                app=app,
                answer=decide(served, machine_of(request, app), NOW) if app.update_check else None,
                manifests=manifests,
            )
            for app in request.apps
        ],
        poll_interval,
    )


def test_the_answer_byte_for_byte() -> None:
    served = document(offer(release(SAMPLE, delta(OLD), AZURE)))
    assert answer_to(requests.update_engine(), served, 600) == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<response protocol="3.0" server="humpyard"><daystart elapsed_seconds="0"/>'
        b'<app appid="{e96281a6-d1af-4bde-9a0a-97b76e56dc57}" status="ok"><ping status="ok"/>'
        b'<updatecheck status="ok" PollInterval="600"><urls>'
        b'<url codebase="https://near.example/update/amd64-usr/4593.2.0/"/>'
        b'<url codebase="https://far.example/flatcar/update/amd64-usr/4593.2.0/"/></urls>'
        b'<manifest version="4593.2.0"><packages>'
        b'<package name="flatcar_production_update-from-4081.2.0.gz" hash="qu5KFtXVZU1n2P3mKtwbpng86XQ="'
        b' hash_sha256="aaee4a16d5d5654d67d8fde62adc1ba6783ce9741a6ea46c12d87ace2601994a"'
        b' size="42" required="true"/>'
        b'<package name="oem-azure.gz" hash="fsrH8JX34/PpgcYig2IPCv21t80="'
        b' hash_sha256="7ecac7f095f7e3f3e981c62283620f0afdb5b7cdb1349ed4b3b1501f09c12ec2"'
        b' size="12" required="false"/>'
        b'</packages><actions><action event="postinstall"'
        b' sha256="qu5KFtXVZU1n2P3mKtwbpng86XQabqRsEth6ziYBmUo=" needsadmin="false"'
        b' IsDeltaPayload="true" DisablePayloadBackoff="true"/></actions></manifest></updatecheck>'
        b'<event status="ok"/></app></response>\n'
    )


def test_update_engine_reads_the_full_payload_from_every_mirror_in_order() -> None:
    served = document(offer(release(SAMPLE, delta(OLD), AZURE)))
    plan, interval = readers.update_engine(answer_to(requests.update_engine("3975.2.0"), served))
    name = "flatcar_production_update.gz"
    assert plan == readers.Plan(
        urls=(f"https://near.example/{PLACE}{name}", f"https://far.example/flatcar/{PLACE}{name}"),
        size=len(name),
        sha256=b64encode(hashlib.sha256(name.encode()).digest()).decode(),
        version="4593.2.0",
        is_delta=False,
        disable_backoff=True,
    )
    assert len(plan.sha256) == 44
    assert interval == 0


def test_update_engine_reads_a_delta_as_one() -> None:
    served = document(offer(release(SAMPLE, delta(OLD))))
    plan, _ = readers.update_engine(answer_to(requests.update_engine(), served))
    assert plan is not None
    assert plan.is_delta
    assert plan.urls[0].endswith(f"-from-{OLD}.gz")


def test_ue_rs_finds_every_extension_with_either_payload() -> None:
    served = document(offer(release(SAMPLE, delta(OLD), AZURE, ZFS)))
    for version in ("4081.2.0", "3975.2.0"):
        answer = answer_to(requests.update_engine(version), served)
        for extension in (AZURE, ZFS):
            assert readers.ue_rs(answer, f"*{extension.name}") == [
                readers.Extra(
                    url=f"https://near.example/{PLACE}{extension.name}",
                    size=extension.size,
                    sha1=extension.sha1.value,
                    sha256=extension.sha256.value,
                )
            ]


def test_only_the_chosen_payload_of_the_system_is_listed() -> None:
    served = document(offer(release(SAMPLE, delta(OLD), delta(OLDEST), AZURE)))
    root = ET.fromstring(answer_to(requests.update_engine(), served))  # noqa: S314  our own
    names = [one.get("name") for one in root.iter("package")]
    assert names == [f"flatcar_production_update-from-{OLD}.gz", "oem-azure.gz"]


def test_a_floor_is_offered_from_where_it_is() -> None:
    served = document(offer(), floors=[floor(OLD)])
    plan, _ = readers.update_engine(answer_to(requests.update_engine("3975.2.0"), served))
    assert plan is not None
    assert plan.version == str(OLD)
    assert plan.urls == (f"https://near.example/update/amd64-usr/{OLD}/flatcar_production_update.gz",)


def test_no_update_is_an_answer_and_may_say_when_to_ask_again() -> None:
    answer = answer_to(requests.update_engine("4593.2.0"), document(), 3600)
    assert readers.update_engine(answer) == (None, 3600)


@pytest.mark.parametrize("reason", list(Reason))
def test_errors_are_errors_to_update_engine_and_the_rest_is_no_update(reason: Reason) -> None:
    (app,) = read_request(requests.update_engine()).apps
    answer = render([AppAnswer(app=app, answer=NoUpdate(reason=reason))], 60)
    status = ET.fromstring(answer).find("app")  # noqa: S314  our own
    assert status is not None
    if reason.is_error:
        assert str(status.get("status")).startswith("error-")
        with pytest.raises(readers.RefusedAnswerError, match="error-internal"):
            readers.update_engine(answer)
    else:
        assert status.get("status") == "ok"
        assert readers.update_engine(answer) == (None, 60)


def test_reports_are_acknowledged_each_and_lead_to_no_update() -> None:
    answer = answer_to(requests.event(13, 1), document())
    assert answer.count(b'<event status="ok"/>') == 1
    assert b"updatecheck" not in answer
    assert b"ping" not in answer


@pytest.mark.parametrize("count", [0, 1, 3])
def test_as_many_events_are_acknowledged_as_were_told(count: int) -> None:
    data = requests.update_engine(inside='<event eventtype="13" eventresult="1"/>' * count)
    assert answer_to(data, document()).count(b'<event status="ok"/>') == count


def test_every_app_gets_its_own_answer_in_order() -> None:
    data = requests.update_engine().decode()
    begin, end = data.index("<app"), data.index("</request>")
    other = data[begin:end].replace(requests.FLATCAR_APP, "other").replace("4081.2.0", "9999.0.0")
    root = ET.fromstring(answer_to((data[:end] + other + data[end:]).encode(), document()))  # noqa: S314
    apps = [
        (app.get("appid"), check.get("status"))
        for app in root.iter("app")
        for check in app.iter("updatecheck")
    ]
    assert apps == [(requests.FLATCAR_APP, "ok"), ("other", "noupdate")]


def test_what_comes_from_the_document_is_escaped() -> None:
    url = "https://near.example/a&b<c>'d\"/"
    served = ChannelDocument(
        **{
            **{name: getattr(document(), name) for name in ChannelDocument.__dataclass_fields__},
            "mirrors": {"near": url, "far": "https://far.example/"},
        }
    )
    plan, _ = readers.update_engine(answer_to(requests.update_engine(), served))
    assert plan is not None
    assert plan.urls[0] == f"{url}{PLACE}flatcar_production_update.gz"


def test_manifests_are_prepared_for_every_update_that_can_be_offered() -> None:
    served = document(offer(release(SAMPLE, delta(OLD), AZURE)), offer(release(OLD)), floors=[floor(OLDEST)])
    full = "flatcar_production_update.gz"
    assert set(prepare(served)) == {
        (release(SAMPLE).release, full),
        (release(SAMPLE).release, delta(OLD).name),
        (release(OLD).release, full),
        (release(OLDEST).release, full),
    }
    assert prepare(served) == prepare(served)


def test_sizes_and_hashes_are_those_of_release_json(tmp_path: Path) -> None:
    inputs = with_extension(board_inputs(tmp_path, Board("amd64")), "oem-azure")
    published = json.loads(encode(release_of((inputs,))))
    entries = {one["artifact"]["name"]: one for one in published["boards"][0]["payloads"]}
    offered = OfferedRelease(
        version=SAMPLE,
        release=Digest.sha256(b"release.json"),
        payloads=tuple(_offered(one) for one in published["boards"][0]["payloads"]),
        mirrors=("near",),
    )
    for version in (str(SAMPLE_SOURCE), "3975.2.0"):
        answer = answer_to(requests.update_engine(version), document(offer(offered)))
        plan, _ = readers.update_engine(answer)
        assert plan is not None
        name = plan.urls[0].rpartition("/")[2]
        artifact = entries[name]["artifact"]
        assert plan.is_delta == (version == str(SAMPLE_SOURCE))
        assert plan.is_delta == (entries[name]["source"] is not None)
        assert plan.size == artifact["size"]
        assert plan.sha256 == b64encode(bytes.fromhex(artifact["sha256"])).decode()
        (extra,) = readers.ue_rs(answer, "*oem-azure.gz")
        artifact = entries["oem-azure.gz"]["artifact"]
        assert extra.size == artifact["size"]
        assert extra.sha1 == bytes.fromhex(artifact["sha1"])
        assert extra.sha256 == bytes.fromhex(artifact["sha256"])


def _offered(entry: dict[str, object]) -> OfferedPayload:
    artifact, source = entry["artifact"], entry["source"]
    assert isinstance(artifact, dict)
    return OfferedPayload(
        name=artifact["name"],
        size=artifact["size"],
        sha256=Digest.parse(f"sha256:{artifact['sha256']}"),
        sha1=Digest.parse(f"sha1:{artifact['sha1']}"),
        profile=str(entry["profile"]),
        source=None if source is None else SAMPLE_SOURCE,
        extension=entry["extension"] is not None,
    )
