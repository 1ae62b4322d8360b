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
#   evidence            checks that must have passed; unknown is not passed
#   sign_off_valid_for  hours, 168 when left out
#   request_valid_for   hours, 336 when left out
"""


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
    return "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    """A TOML basic string. JSON's escapes are TOML's, except that DEL must be escaped, too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join(_quote(value) for value in values) + "]"
