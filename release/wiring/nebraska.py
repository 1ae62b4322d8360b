"""The section ``[nebraska]`` becomes a Nebraska to publish to. Nothing is contacted before it is used."""

from __future__ import annotations

from release.catalog.board import Board
from release.errors import InputError
from release.mirror.http import HttpReader
from release.settings.nebraska import NebraskaSettings
from release.signing.secret_sources import check_name
from release.signing.signer import SecretsHandler
from release.updates.nebraska.client import NebraskaClient
from release.updates.nebraska.options import NebraskaOptions
from release.updates.nebraska.publish import Nebraska
from release.updates.nebraska.transport import Transport


def open_nebraska(settings: NebraskaSettings | None, secrets: SecretsHandler) -> Nebraska | None:
    """The Nebraska of the settings, None where there is none.

    ``secrets`` is asked for the token, by its name, at each request. Raises InputError for options that
    cannot be.
    """
    if settings is None:
        return None
    options = NebraskaOptions(
        url=settings.url,
        app=settings.app,
        payload_url=settings.payload_url,
        token=None if settings.token is None else check_name(settings.token),
        channels={
            name: {_board(name, board): channel for board, channel in boards.items()}
            for name, boards in settings.channels.items()
        },
        point_back=settings.point_back,
        wait_for_rollout=settings.wait_for_rollout,
        max_floors=settings.max_floors,
        timeout=settings.timeout,
        retries=settings.retries,
    )
    name = options.token
    transport = Transport(
        options.url,
        token=None if name is None else lambda: secrets(name),
        timeout=options.timeout,
        retries=options.retries,
    )
    served = _size_of if settings.check_payloads else None
    return Nebraska(options, NebraskaClient(transport, options.app), served)


def _board(channel: str, text: str) -> Board:
    try:
        return Board.parse(text)
    except InputError as error:
        raise InputError(f"nebraska.channels.{channel}: {error.message}") from error


def _size_of(directory: str, name: str) -> int | None:
    found = HttpReader(directory).stat(name)
    return None if found is None else found.size
