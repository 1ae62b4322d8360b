"""`humpyard nebraska`: what a Nebraska is told of our channels, and whether it says the same."""

from __future__ import annotations

import typer

from release.canonical import Json
from release.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from release.cli.output import emit, say, table, work
from release.errors import RefusedError
from release.line.nebraska import configured, nebraska_job, plan_nebraska
from release.updates.nebraska.plan import ChannelPlan
from release.wiring import open_yard

app = typer.Typer(
    help="Tell a Nebraska what channels offer, and see whether it says the same.", no_args_is_help=True
)


@app.command()
def plan(settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """Show what publishing would do now. Changes nothing; the token may be one that can only read."""
    with open_yard(settings) as yard:
        plans = plan_nebraska(yard)
    if as_json:
        emit({"channels": [_as_json(one) for one in plans]})
        return
    for one in plans:
        _tell(one)
    if not any(one.differs for one in plans):
        say("nothing to do")


@app.command()
def publish(settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Make packages, set floors and move channels, as the ledger says. What is done is not done again.

    Promoting does it, too; run this on a schedule, so that rollouts that reached everybody, stops, and
    what was not possible at the time, get there.
    """
    with open_yard(settings) as yard:
        configured(yard)
        (outcome,) = work(nebraska_job(yard))
    say(outcome)


@app.command()
def status(settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """Compare what Nebraska's channels are at with the ledger. The exit code is 1 where they differ."""
    with open_yard(settings) as yard:
        plans = plan_nebraska(yard)
    if as_json:
        emit({"channels": [_as_json(one) for one in plans]})
    else:
        table(("channel", "board", "ledger", "", "Nebraska", ""), [_row(one) for one in plans])
        for one in plans:
            _tell(one)
    different = [one.wish.title for one in plans if one.differs]
    if different:
        raise RefusedError(
            f"Nebraska is not as the ledger says: {', '.join(different)}",
            hint="see what is to be done: humpyard nebraska plan",
        )


def _row(one: ChannelPlan) -> tuple[str, ...]:
    wish = one.wish
    said = "differs" if one.differs else "as wanted"
    return wish.channel, str(wish.board), str(wish.head), _head_status(one), one.at or "-", said


def _head_status(one: ChannelPlan) -> str:
    return one.wish.stopped.get(one.wish.head, "offered")


def _tell(one: ChannelPlan) -> None:
    for action in one.actions:
        say(f"to do    {one.wish.title}: {action}")
    for text in one.blocked:
        say(f"BLOCKED  {one.wish.title}: {text}")
    for text in one.notes:
        say(f"note     {one.wish.title}: {text}")


def _as_json(one: ChannelPlan) -> Json:
    floors: list[Json] = [*sorted(floor.package.content.version for floor in one.found.floors)]
    return {
        "channel": one.wish.channel,
        "board": str(one.wish.board),
        "nebraska_channel": one.found.channel.id,
        "ledger": {"version": str(one.wish.head), "status": _head_status(one)},
        "nebraska": {"version": one.at, "floors": floors},
        "goal": None if one.goal is None else str(one.goal),
        "actions": [str(action) for action in one.actions],
        "blocked": [*one.blocked],
        "notes": [*one.notes],
        "differs": one.differs,
    }
