"""What one rule of the gate says."""

from __future__ import annotations

from dataclasses import dataclass

_LINE_LENGTH = 400

NEW_REQUEST = "a new request"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """What one rule says.

    ``detail`` is what was found. ``missing`` says what would meet the rule (None when it is met) and
    ``who`` names the people who can provide it; empty when nobody can, or when it is not people.
    ``final`` tells of an unmet rule that no later entry can meet it for the same request.
    """

    name: str
    met: bool
    detail: str
    missing: str | None = None
    who: tuple[str, ...] = ()
    final: bool = False


def result(
    name: str, met: bool, detail: str, missing: str, who: tuple[str, ...] = (), *, final: bool = False
) -> RuleResult:
    """A rule's answer; ``missing``, ``who`` and ``final`` matter only where it is not met."""
    if met:
        return RuleResult(name=name, met=True, detail=detail)
    return RuleResult(name=name, met=False, detail=detail, missing=missing, who=who, final=final)


def one_line(text: str) -> str:
    """People's words may be long and of several lines; in a list of rules they are neither."""
    line = " ".join(text.split())
    return line if len(line) <= _LINE_LENGTH else line[: _LINE_LENGTH - 1] + "…"
