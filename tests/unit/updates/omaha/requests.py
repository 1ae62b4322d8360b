"""Requests as real clients send them, rebuilt from their sources, byte for byte but for the ids."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

FLATCAR_APP = "{e96281a6-d1af-4bde-9a0a-97b76e56dc57}"
MACHINE = "abce671d61774703ac7be60715220bfe"
PING, CHECK = '<ping active="1"></ping>', "<updatecheck></updatecheck>"
GREETING = '<event eventtype="3" eventresult="2" previousversion=""></event>'


def update_engine(
    version: str = "4081.2.0", inside: str = f"{PING}\n{CHECK}\n{GREETING}", **fields: str
) -> bytes:
    """update_engine 0.4.10's, from GetRequestXml. ``fields`` replaces attributes of the app."""
    attributes = {
        "appid": FLATCAR_APP,
        "version": version,
        "track": "stable",
        "bootid": "{965fb4c5-ad3e-4eb7-a4c2-ca0c0e31ec84}",
        "oem": "ami",
        "oemversion": "0.1.1-r1",
        "alephversion": "1688.5.3",
        "machineid": MACHINE,
        "machinealias": "a machine's alias, Müller & Söhne",
        "lang": "en-US",
        "board": "amd64-usr",
        "hardware_class": "",
        "delta_okay": "false",
        **fields,
    }
    app = " ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<request protocol="3.0" version="update_engine-0.4.10" updaterversion="update_engine-0.4.10"'
        ' installsource="scheduler" ismachine="1">\n'
        f'    <os version="Chateau" platform="CoreOS" sp={quoteattr(version + "_x86_64")}></os>\n'
        f"    <app {app} >\n{inside}\n    </app>\n"
        "</request>\n"
    ).encode()


def event(kind: int, result: int, **more: str) -> bytes:
    """update_engine's report of an event."""
    attributes = "".join(f' {name}="{value}"' for name, value in more.items())
    return update_engine(inside=f'<event eventtype="{kind}" eventresult="{result}"{attributes}></event>')


SYNCER = (
    '<request protocol="3.0" version="CoreOSUpdateEngine-0.1.0.0"'
    ' updaterversion="CoreOSUpdateEngine-0.1.0.0" installsource="scheduler" ismachine="1">'
    '<os platform="CoreOS" version="Chateau" sp="766.0.0_x86_64" arch="arm"></os>'
    f'<app appid="{FLATCAR_APP}" version="766.0.0" track="stable"'
    ' bootid="{0bb83b2c-6ff7-4f59-9a06-7d1ec0c4b2a4}" machineid="{B1F0C9AE-8B0B-4F0B-8B58-9B7C1C7D7C11}"'
    ' multi_manifest_ok="true"><updatecheck></updatecheck></app></request>'
).encode()
"""Nebraska's syncer, as go-omaha writes it: no declaration, no board, braces around its ids."""

UE_RS = (
    '<request protocol="3.0" version="ue-rs-0.0.0" updaterversion="ue-rs-0.0.0" installsource="ondemand"'
    ' ismachine="1"><os platform="CoreOS" version="Chateau" sp="3340.0.0+nightly-20220823-2100_x86_64"/>'
    f'<app appid="{FLATCAR_APP}" version="3340.0.0+nightly-20220823-2100" track="stable"'
    f' machineid="{MACHINE}"><updatecheck/></app></request>'
).encode()
"""ue-rs' own request, which only its authors send."""
