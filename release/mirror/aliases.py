"""Streams beside their channel: ``lts/<board>/current-2024/`` for the channel ``lts-2024``. Pure.

A stream is a channel with a folder of its own, and its releases are under ``lts-2024/<board>/<version>/``.
The base channel follows its newest stream, so that one's releases are under ``lts/<board>/<version>/`` as
well, each copied when the base moved to it. Older streams are found under the base by their alias only, which
shows the files where they are; nothing is copied for it.
"""

from __future__ import annotations

from release.catalog.channel_info import alias_folder
from release.catalog.naming import POINTER_FILE
from release.mirror.replica import CurrentView, Document


def stream_alias(base: str, view: CurrentView) -> CurrentView:
    """The alias below ``base`` of what a stream's ``current/`` shows.

    Of the documents ``version.txt`` alone goes along: a channel document is of its own channel only.
    Raises InputError when the view is not of a stream of ``base``.
    """
    folder = alias_folder(base, view.channel)
    documents = tuple(
        Document(
            key=f"{base}/{view.board}/{folder}/{POINTER_FILE}", data=one.data, content_type=one.content_type
        )
        for one in view.documents
        if one.key == view.prefix + POINTER_FILE
    )
    return CurrentView(
        channel=base,
        board=view.board,
        version=view.version,
        files=view.files,
        documents=documents,
        folder=folder,
    )
