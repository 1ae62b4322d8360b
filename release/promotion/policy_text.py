"""A first policy file, commented, for ``humpyard init``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from release.catalog.channel import DEFAULT_CHANNELS, Channel, Channels, PromotionKind
from release.promotion.policy import Person
from release.promotion.policy_file import read_policy

_HEAD = """\
# Who decides what is released, and how. The ledger names this file by the SHA-256 of its bytes:
# whoever signs off a release signs under exactly these rules.
product = {product}

# Everybody once, with the full fingerprints of their OpenPGP primary keys
# (gpg --list-keys --with-colons, line 'fpr') and the roles they hold.
"""

_CHANNELS = """\
# The channels, from the least settled to the most settled.
#   feeds_from          channels that a release may come from; leave it out where releases enter
#   kind                "same-bits": the version itself moves on; "rebuild": new bits deriving from it
#   quorum              who must say go: {{ role = "...", count = 2 }}, or {{ role = "...", share = 0.5 }}
#                       for more than half of them; several in the list must all be met
#   open = true         instead of a quorum: nobody needs to say go
#   overrule            who must agree to set a no-go aside; left out: only its author can take it back
#   evidence            checks that must have passed; unknown is not passed. The pipeline itself finds
#                       payload-proven, mirror-verified, notes-complete, comparison, payload-signatures,
#                       key-health; test reports have the names they are imported under
#   soak                hours that the channel before must have offered it without a break
#   hurry               who must say go, too, to skip soak and freeze windows; must be a higher quorum
#   limits              {{ image_growth_percent = 5, boot_bytes = 62914560, delta_percent = 60,
#                       downgrades = 0 }}; downgrades that somebody waives do not count
#   streams             the channel has streams (lts-2024, lts-2026, ...) and follows the newest of them
#   mirrors             how many of the mirrors below must have verified a release before the channel moves
#   rollout             how it reaches machines; left out: all at once. Time counts while it goes on:
#                       {{ kind = "linear", hours = 192 }}, or in steps: {{ kind = "stepped", steps =
#                       [{{ after = 0, percent = 1 }}, {{ after = 24, percent = 100 }}] }}; in both, windows =
#                       [{{ zone = "UTC", days = ["mon", "tue"], begins = 09:00:00, ends = 17:00:00 }}] and
#                       halt = {{ error_percent = 5, silence_percent = 20, silence_after = 24 }}
#   sign_off_valid_for  hours, 168 when left out
#   request_valid_for   hours, 336 when left out
"""

_REST = """# Changing this file: `humpyard policy request NEW_FILE`, under the quorum of the policy in force.
# Left out: more than half of every role that moves a channel, and never fewer than a channel asks for.
[governance]
quorum = [{{ role = {role}, count = {count} }}]

# Stopping (humpyard stop) takes one person of these roles; going on again takes the quorum.
[emergency]
stop = [{role}]
quorum = [{{ role = {role}, count = {count} }}]

# Whose holders may answer for failures that a check found (humpyard evidence waive).
[waivers]
roles = [{role}]

# Whose holders may, alone, correct published notes and tell of known issues (humpyard notes correct,
# humpyard issues); left out: those who may stop.
# [corrections]
# roles = ["..."]

[signing]
payload_signatures = 1       # distinct trusted keys that must have signed every payload
release_lifetime_days = 90   # nothing is published with keys that expire sooner
head_valid_for = 24          # hours after which nobody believes a mirror that shows nothing newer

# Whose ledger entries are the pipeline's; left out: this policy changes nothing in that. Give everybody
# a new key (openpgp.pipeline, openpgp.keys) before it comes into force.
# [pipeline]
# fingerprints = ["..."]

# When nothing is promoted. Local times in the zone; `every` is a rule of RFC 5545
# that begins with `begins`.
# [[freezes]]
# name = "winter holidays"
# zone = "Europe/Berlin"
# begins = 2026-12-18T00:00:00
# ends = 2027-01-04T08:00:00
# every = "FREQ=YEARLY"
#
# [[freezes]]
# name = "weekend"
# zone = "Europe/Berlin"
# begins = 2026-01-02T15:00:00    # a Friday
# ends = 2026-01-05T08:00:00
# every = "FREQ=WEEKLY;BYDAY=FR"
# channels = ["stable", "lts"]    # all when left out

# Where machines find what channels offer, in the order in which they are told. How the pipeline writes
# there is in humpyard.toml, [mirrors.NAME]; url = "origin" there is the store itself, made public.
# [[mirrors]]
# name = "eu"
# url = "https://eu.example.org/os/"
# channels = ["stable"]           # all when left out

# What older machines must pass through, one after the other.
# [[floors]]
# channel = "stable"
# version = "4230.2.0"
# reason = "a larger boot partition"

# How much stays on mirrors; left out: everything. Never collected, however old: what a channel is at, floors,
# what deltas start from, and holds.
# [retention]
# channel_releases = 10
# stream_releases = 10
# grace = 720                     # hours
# [[holds]]
# version = "4230.2.0"
# reason = "kept for an investigation"
"""


_WITH_STREAMS = "lts"
"""As Flatcar has it: a new stream about every year, supported for 18 months, 6 of them beside the next."""


def default_policy_text(
    product: str,
    people: Sequence[Person],
    channels: Channels = DEFAULT_CHANNELS,
    *,
    role: str = "maintainer",
    count: int = 2,
    open_channels: Iterable[str] = (),
) -> str:
    """Render a policy: every channel asks for ``count`` go of ``role``, except ``open_channels``.

    Raises:
        InputError: the policy would not be valid, for example because too few people hold the role.
    """
    free = frozenset(open_channels)
    parts = [_HEAD.format(product=_quote(product)), *(_person(person) for person in people)]
    parts.append(_CHANNELS.format())
    parts.extend(_channel(channel, role, count, is_open=channel.name in free) for channel in channels)
    parts.append(_REST.format(role=_quote(role), count=count))
    text = "\n".join(parts)
    read_policy(text.encode(), "new policy")
    return text


def _person(person: Person) -> str:
    return (
        "[[people]]\n"
        f"name = {_quote(person.name)}\n"
        f"fingerprints = {_list(person.fingerprints)}\n"
        f"roles = {_list(person.roles)}\n"
    )


def _channel(channel: Channel, role: str, count: int, *, is_open: bool) -> str:
    lines = ["[[channels]]", f"name = {_quote(channel.name)}"]
    if channel.feeds_from:
        lines.append(f"feeds_from = {_list(channel.feeds_from)}")
    if channel.feeds_from or channel.kind is not PromotionKind.SAME_BITS:
        lines.append(f"kind = {_quote(channel.kind)}")
    lines.append("open = true" if is_open else f"quorum = [{{ role = {_quote(role)}, count = {count} }}]")
    lines.append('evidence = ["payload-proven"]')
    if channel.name == _WITH_STREAMS:
        lines.append("streams = { support_months = 18, overlap_months = 6 }")
    return "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    """A TOML basic string. JSON's escapes are TOML's, except that DEL must be escaped, too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join(_quote(value) for value in values) + "]"
