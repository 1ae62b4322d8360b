"""Running command lines as somebody, telling what they said, and insisting on how they end."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, takewhile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from flows.rehearsal.clock import SimulatedClock
from flows.rehearsal.company import PIPELINE, Company
from release.canonical import Json
from release.cli.main import run
from release.errors import ToolError
from release.ledger.fields import format_time

WIDTH = 108
"""Columns."""
_REFUSED = 1
"""The exit code of a refusal."""
_PROGRESS = re.compile(r"^  ok ")
_HEADING = ("==", "DOWN", "added", "removed", "up ")
_SPACES = re.compile(" {3,}")
_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
_NEXT = re.compile(r"^(next|the pipeline's next|to go on again):? ")


class WentOtherwiseError(ToolError):
    """A command did not end as the rehearsal says it must."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def digest(self) -> str:
        """The beginning of the digest that the command named first."""
        found = re.search(r"\b(?:request|stop|waiver) ([0-9a-f]{12})\b", self.out)
        if found is None:
            raise WentOtherwiseError(f"expected a digest, found {self.out!r}")
        return found[1]


@dataclass(slots=True)
class Stage:
    """The rehearsal's place: who is there, what time it is, what has been said.

    ``refusals`` are the reasons that commands were refused with, in order; ``record`` everything.
    """

    company: Company
    clock: SimulatedClock
    console: Console
    refusals: list[tuple[str, str]] = field(default_factory=list)
    record: list[Json] = field(default_factory=list)
    _title: str = ""

    def act(self, title: str, *words: str) -> None:
        """Begin a part."""
        self._title = title
        self.console.print()
        self.console.print(Text(title, style="bold"), soft_wrap=True)
        for line in words:
            self.console.print(Text(textwrap.fill(line, WIDTH), style="italic"), soft_wrap=True)

    def say(self, line: str) -> None:
        """A line of the teller's."""
        self.console.print()
        self.console.print(Text(textwrap.fill(line, WIDTH), style="italic"), soft_wrap=True)

    def quietly(self, who: str, *arguments: str) -> Outcome:
        """The same as ``does``, and nothing of it is told."""
        with self.silence():
            return self.does(who, *arguments)

    @contextlib.contextmanager
    def silence(self) -> Iterator[None]:
        """Nothing of what happens here is told; it is still recorded."""
        before, self.console.quiet = self.console.quiet, True
        try:
            yield
        finally:
            self.console.quiet = before

    def does(self, who: str, *arguments: str, shows: str = ".", squeeze: bool = False) -> Outcome:
        """``who`` types a command that must work. Lines in which ``shows`` is found are told.

        With ``squeeze`` columns are not kept apart.
        """
        outcome = self._run(who, arguments)
        if outcome.code:
            raise WentOtherwiseError(f"{who}: {shlex.join(arguments)}: {outcome.code}: {outcome.err}")
        told = [line for line in outcome.out.splitlines() if not _NEXT.match(line)]
        told += [line for line in outcome.err.splitlines() if _PROGRESS.match(line) and shows != "."]
        for line in told:
            if re.search(shows, line):
                plain = line.replace("  ok ", "", 1)
                self.tell(_SPACES.sub("  ", plain) if squeeze else plain)
        return outcome

    def signs(self, who: str, request: str, *said: str, dossier: bool = False) -> None:
        """``who`` signs off, which must work. Told is what is then missing, and the dossier's headings."""
        with self.silence():
            outcome = self.does(who, "promote", "sign-off", request, *said)
        self.prompt(who, ["humpyard", "promote", "sign-off", request, *said])
        shown, _, after = outcome.out.rpartition(f"request {request}: ")
        told = [line for line in shown.splitlines() if line.startswith(_HEADING)] if dossier else []
        told += [after.splitlines()[0], *(line for line in after.splitlines() if "NOT MET" in line)]
        for line in told:
            self.tell(_SPACES.sub("  ", line))

    def refused(
        self, who: str, *arguments: str, because: Sequence[str], shows: str = "^$", finds: str = ""
    ) -> None:
        """``who`` types a command that must be refused, for each of ``because``.

        What it did before is told where ``shows`` is found. The reason is what it complains; with
        ``finds``, also the lines that it printed and that begin so.
        """
        outcome = self._run(who, arguments)
        reason, hint = _reason(outcome.err)
        if outcome.code != _REFUSED:
            raise WentOtherwiseError(
                f"{who}: {shlex.join(arguments)}: expected a refusal because of {because},"
                f" found exit code {outcome.code}: {outcome.err or outcome.out}"
            )
        for line in outcome.err.splitlines():
            if _PROGRESS.match(line) and re.search(shows, line):
                self.tell(line.replace("  ok ", "", 1))
        if finds:
            found = [line for line in outcome.out.splitlines() if line.startswith(finds)]
            reason = "; ".join([reason, *(line.removeprefix(finds).strip() for line in found)])
        self.refusal(reason, because=because)
        if hint:
            self.tell(f"hint: {hint}")

    def refusal(self, reason: str, *, because: Sequence[str]) -> None:
        """Tell a refusal, and keep it. Raises WentOtherwiseError unless it is for each of ``because``."""
        missing = [wanted for wanted in because if wanted not in reason]
        if missing:
            raise WentOtherwiseError(f"expected a refusal because of {missing}, found: {reason}")
        self.console.print(Text("    refused:", style="bold red"))
        for line in _bullets(reason):
            self._line(line, "red")
        if not self.console.quiet:
            self.refusals.append((self._title, reason))

    def tell(self, line: str) -> None:
        """A line that a command printed."""
        self._line(line, "dim")

    def _run(self, who: str, arguments: Sequence[str]) -> Outcome:
        self.prompt(who, ["humpyard", *arguments])
        out, err = io.StringIO(), io.StringIO()
        with (
            _environment(self._variables(who)),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            contextlib.chdir(self.company.root / who),
        ):
            code = run([*arguments, *self._identity(who, arguments)])
        outcome = Outcome(code, out.getvalue(), err.getvalue())
        self.clock.tick()
        self.note(who, arguments, outcome)
        return outcome

    def note(self, who: str, arguments: Sequence[str], outcome: Outcome) -> None:
        """Put a command that was run, however, into the record."""
        self.record.append(
            {
                "act": self._title,
                "time": format_time(self.clock().replace(microsecond=0)),
                "who": who,
                "command": shlex.join(arguments),
                "exit_code": outcome.code,
                "said": outcome.out,
                "complained": outcome.err,
            }
        )

    def _identity(self, who: str, arguments: Sequence[str]) -> list[str]:
        """People's keys are named where a command signs for a person."""
        return ["--as", self.company.fingerprints[who]] if _signs(who, arguments) else []

    def _variables(self, who: str) -> Mapping[str, str]:
        folder = self.company.root / who
        return {"HUMPYARD_SETTINGS": str(folder / "humpyard.toml"), "GNUPGHOME": str(folder / "gnupg")}

    def prompt(self, who: str, command: Sequence[str]) -> None:
        """Tell what ``who`` types."""
        shown = " ".join(_braced(command))
        if _signs(who, command[1:]):
            shown += " --as $ME"
        self.console.print()
        self.console.print(Text.assemble((f"  {who}$ ", "bold cyan"), (shown, "bold")), soft_wrap=True)

    def _line(self, line: str, style: str) -> None:
        line = _DIGEST.sub(r"\1...", line)  # what differs can still be seen
        folded = textwrap.wrap(line, WIDTH - 4, subsequent_indent="  ") if len(line) > WIDTH - 4 else [line]
        for part in folded:
            self.console.print(Text(f"    {part}", style=style), soft_wrap=True)


def _signs(who: str, arguments: Sequence[str]) -> bool:
    if who == PIPELINE or len(arguments) < 2:
        return False
    return (arguments[0], arguments[1]) in {
        ("promote", "request"),
        ("promote", "sign-off"),
        ("policy", "request"),
        ("evidence", "waive"),
        *(("stop", verb) for verb in ("pause", "freeze", "withdraw", "lift")),
    }


def _braced(command: Sequence[str]) -> Iterator[str]:
    """The words as a shell takes them; repetitions of an option in braces, as people write them."""
    for option, group in groupby(command, lambda word: word.partition("=")[0] if "=" in word else word):
        words = [*group]
        values = [word.removeprefix(f"{option}=") for word in words]
        if len(words) == 1 or not all("=" in word for word in words):
            yield from map(shlex.quote, words)
            continue
        begin = _begin(values)
        end = _begin([value[len(begin) :][::-1] for value in values])[::-1]
        parts = [value[len(begin) : len(value) - len(end)] for value in values]
        yield f"{option}={begin}{{{','.join(parts)}}}{end}"


def _begin(texts: Sequence[str]) -> str:
    """What all of them begin with."""
    return "".join(
        letters[0] for letters in takewhile(lambda some: len({*some}) == 1, zip(*texts, strict=False))
    )


def _reason(err: str) -> tuple[str, str]:
    """What comes after ``error:`` and ``hint:``, without progress."""
    lines = [line for line in err.splitlines() if line.strip() and not _PROGRESS.match(line)]
    text = "\n".join(lines)
    _, _, after = text.partition("error: ")
    reason, _, hint = after.partition("\nhint:")
    return reason.strip(), " ".join(hint.split())


def gist(reason: str) -> str:
    """A refusal in one short line: what was refused, and the names of the rules that said no."""
    title, *rules = _apart(reason.splitlines()[0])
    if rules:
        title = f"{title.removesuffix(': waiting')}: {', '.join(rule.partition(':')[0] for rule in rules)}"
    return textwrap.shorten(title, WIDTH - 20, placeholder=" ...")


def _bullets(reason: str) -> Iterator[str]:
    """Each rule that is not met on a line of its own."""
    for line in reason.splitlines():
        title, *rules = _apart(line)
        yield title
        yield from (f"- {rule}" for rule in rules)


def _apart(line: str) -> list[str]:
    """Split at semicolons that are not within parentheses."""
    parts, depth, begin = [], 0, 0
    for place, letter in enumerate(line):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0 and line.startswith("; ", place):
            parts.append(line[begin:place])
            begin = place + 2
    return [*parts, line[begin:]]


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def relative(path: Path, root: Path) -> str:
    """A path as somebody in a directory beside it would type it."""
    return f"../{path.relative_to(root)}"
