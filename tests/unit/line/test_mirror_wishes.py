"""Which releases mirrors are to have, who lags since when, and what they show."""

from __future__ import annotations

from release.catalog.channel_info import CHANNEL_INFO
from release.catalog.version import Version
from release.ledger.kinds import MirrorVerified, ReleaseCollected
from release.ledger.statements import StopAction
from release.line.mirror_saying import ChannelSaying, Saying, views
from release.line.mirror_show import info_documents
from release.line.mirror_status import channel_standings, quorums, unmet
from release.line.mirror_wishes import Place, everything, heads, lacking, quorum_met
from release.line.replication import mirror_verified
from release.promotion.delivery import MirrorSite
from release.promotion.policy import Policy
from release.promotion.policy_file import read_policy
from release.trust.making import head_of
from tests.unit.ledger.fakes import ALICE, BOARD, digest_of, released
from tests.unit.line.story import POLICY, Story

SITE = MirrorSite(name="eu", url="https://eu.example.org/")
LTS = MirrorSite(name="long", url="https://long.example.org/", channels=("lts",))


def place(channel: str, version: str) -> Place:
    return Place(channel=channel, version=Version.parse(version))


def verified(story: Story, channel: str, version: str, mirror: str = "eu", *, passed: bool = True) -> None:
    story.tell(
        MirrorVerified(
            mirror=mirror,
            channel=channel,
            version=Version.parse(version),
            release=digest_of(version),
            passed=passed,
        )
    )


def told() -> Story:
    """Alpha went from 1.0.0 to 2.0.0, lts-2024 is at 1.0.0, 3.0.0 was registered for alpha."""
    story = Story()
    for version in ("1.0.0", "2.0.0", "3.0.0"):
        story.tell(released(version))
    story.move("1.0.0", "alpha")
    story.move("1.0.0", "lts-2024")
    story.move("2.0.0", "alpha")
    return story


def policy(quorum: int) -> Policy:
    """A policy by which alpha needs mirrors."""
    return read_policy(
        f"""\
product = "demo"

[[people]]
name = "Alice"
fingerprints = ["{ALICE.fingerprint}"]
roles = ["maintainer"]

[[channels]]
name = "alpha"
open = true
mirrors = {quorum}

[[mirrors]]
name = "eu"
url = "https://eu.example.org/"

[[mirrors]]
name = "us"
url = "https://us.example.org/"
""".encode()
    )


def test_a_mirror_is_to_have_heads_then_what_comes_next_then_the_past() -> None:
    state = told().state
    assert heads(state, SITE) == (place("alpha", "2.0.0"), place("lts-2024", "1.0.0"), place("lts", "1.0.0"))
    assert everything(state, SITE) == (
        *heads(state, SITE),
        place("alpha", "3.0.0"),
        place("alpha", "1.0.0"),
    )


def test_a_mirror_of_a_channel_has_its_streams_and_nothing_else() -> None:
    assert everything(told().state, LTS) == (place("lts-2024", "1.0.0"), place("lts", "1.0.0"))


def test_withdrawn_and_collected_releases_are_brought_nowhere() -> None:
    story = told()
    story.stop(StopAction.WITHDRAW, version="2.0.0")
    story.tell(ReleaseCollected(version=Version(3, 0, 0), release=digest_of("3.0.0"), reason="old"))
    assert {one.version for one in everything(story.state, SITE)} == {Version(1, 0, 0)}


def test_what_is_verified_is_lacking_no_more_until_it_is_taken_back() -> None:
    story = told()
    verified(story, "alpha", "2.0.0")
    wanted = heads(story.state, SITE)
    assert place("alpha", "2.0.0") not in lacking(story.state, SITE, wanted)
    verified(story, "alpha", "2.0.0", passed=False)
    assert place("alpha", "2.0.0") in lacking(story.state, SITE, wanted)


def test_what_the_ledger_says_already_is_not_recorded_again_nor_what_is_about_to_go() -> None:
    story = told()
    fields = {"mirror": "eu", "channel": "alpha", "version": Version(3, 0, 0), "release": digest_of("3.0.0")}
    found = MirrorVerified(**fields, passed=True)  # type: ignore[arg-type]  # they are what they are
    lost = MirrorVerified(**fields, passed=False)  # type: ignore[arg-type]  # the same
    assert mirror_verified(lost)(story.state) is None, "it never had it"
    assert mirror_verified(found)(story.state) == found
    verified(story, "alpha", "3.0.0")
    assert mirror_verified(found)(story.state) is None
    assert mirror_verified(lost)(story.state) == lost
    story.tell(ReleaseCollected(version=Version(3, 0, 0), release=digest_of("3.0.0"), reason="old"))
    assert mirror_verified(lost)(story.state) is None


def test_a_quorum_counts_mirrors_of_the_policy_alone() -> None:
    story = told()
    verified(story, "alpha", "2.0.0", "elsewhere")
    verified(story, "alpha", "2.0.0", "us")
    (quorum,) = quorums(story.state, policy(2))
    assert (quorum.have, quorum.mirrors, quorum.met) == (("us",), ("eu", "us"), False)
    assert not quorum_met(story.state, policy(2), place("alpha", "2.0.0"))
    assert quorum_met(story.state, policy(1), place("alpha", "2.0.0"))
    assert unmet(quorums(story.state, policy(1))) == ()


def test_a_mirror_lags_since_the_channel_moved_or_since_it_lost_the_release() -> None:
    story = told()
    moved = story.state.heads["alpha"].since
    verified(story, "alpha", "1.0.0")
    alpha, *_ = channel_standings(story.ledger.read(), SITE)
    assert (alpha.has, alpha.should_have, alpha.lags_since) == (Version(1, 0, 0), Version(2, 0, 0), moved)
    verified(story, "alpha", "2.0.0")
    assert channel_standings(story.ledger.read(), SITE)[0].lags_since is None
    lost = story.now
    verified(story, "alpha", "2.0.0", passed=False)
    assert channel_standings(story.ledger.read(), SITE)[0].lags_since == lost


def saying(story: Story) -> Saying:
    """What the store of that ledger would say."""
    head = head_of(story.state, POLICY, story.now)
    channels = tuple(
        ChannelSaying(channel=name, board=BOARD, version=one.version, pointer=b"text", document=b"sealed")
        for name, one in head.channels.items()
    )
    return Saying(head=head, data=b"", chain=story.ledger.read(), channels=channels, pages=())


def test_a_stream_is_shown_under_its_base_too_without_a_channel_document() -> None:
    shown = {(one.channel, one.folder): one for one in views(saying(told()), SITE)}
    assert set(shown) == {
        ("alpha", "current"),
        ("lts", "current"),
        ("lts-2024", "current"),
        ("lts", "current-2024"),
    }
    alias = shown["lts", "current-2024"]
    assert alias.is_alias
    assert [one.key for one in alias.documents] == [f"lts/{BOARD}/current-2024/version.txt"]
    own = [one.key.rpartition("/")[2] for one in shown["lts-2024", "current"].documents]
    assert own == ["channel.json", "version.txt"], "the one that leads to the other is last"


def test_files_about_all_channels_tell_of_those_that_a_mirror_serves() -> None:
    story = told()
    files = {one.key: one.data.decode() for one in info_documents(saying(story), SITE, story.now)}
    assert files[CHANNEL_INFO] == "ALPHA_CURRENT=2.0.0\nLTS_CURRENT=1.0.0\nLTS2024_CURRENT=1.0.0\n"
    assert files["lts/lts-info"] == "1:2024:supported\n"
    own = {one.key: one.data.decode() for one in info_documents(saying(story), LTS, story.now)}
    assert "ALPHA" not in own[CHANNEL_INFO]
