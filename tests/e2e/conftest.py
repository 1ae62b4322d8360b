"""What the tests of whole commands share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from release.signing.openpgp import OpenPgpHome
from tests.audited_mirrors import audited, audited_template, served_mirrors  # noqa: F401 - fixtures
from tests.e2e.browsing import browser  # noqa: F401 - a fixture
from tests.e2e.ceremony_yard import ceremony, ceremony_template  # noqa: F401 - fixtures
from tests.e2e.refusal import Forger, Terminal
from tests.keeping_policy import kept, kept_template  # noqa: F401 - fixtures
from tests.mirror_web import running_web, web  # noqa: F401 - fixtures
from tests.mirror_yard import mirrored, mirrored_template, settled, settled_template  # noqa: F401 - fixtures


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Terminal:
    """Where the command line prints."""
    return Terminal(capsys)


@pytest.fixture(scope="session")
def forger(yard_template: Path) -> Iterator[Forger]:
    """All secret keys of the yards, and a stranger's."""
    with OpenPgpHome() as home:
        keys = {
            path.stem: home.import_keys(path.read_bytes())[0]
            for path in (yard_template / "secret").glob("*.asc")
        }
        keys["stranger"] = home.generate_key("Stranger <stranger@example.invalid>")
        yield Forger(home, keys)
