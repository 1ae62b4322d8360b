"""``[notes]``: what notes call the packages of the image."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from release.settings.section import Section

_PackageName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9+_.-]*/[A-Za-z0-9_][A-Za-z0-9+_.-]*$")]


class NotesSettings(Section):
    """How release notes are understood."""

    packages: dict[str, _PackageName] = Field(default_factory=dict)
    """``"XZ utils" = "app-arch/xz-utils"``: the package that an item of the notes is about, where that is not
    its name. Besides those of ``release.notes.promises``, and in the place of them."""
