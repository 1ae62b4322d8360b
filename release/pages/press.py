"""What turns view models into pages: templates, one style sheet, little scripts, and the policy they satisfy.

Style and scripts are put into every page, so that a page is one request and works from a file. The
Content-Security-Policy of a page names their hashes: nothing else can act on it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import CodeType

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined, TemplateError
from jinja2.bccache import Bucket
from markupsafe import Markup

import release as package
from release.errors import InputError, storage_errors
from release.memo import recalled
from release.notes.characters import FORBIDDEN

STYLE = "style.css"


def template_directory() -> Path:
    """The built-in templates: beside the packages in a checkout, inside the package when installed."""
    here = Path(package.__file__).parent
    installed = here / "_templates"
    return installed if installed.is_dir() else here.parent / "templates"


class _Compiled(BytecodeCache):
    """Templates that were compiled in this process: most of the time that a small site takes.

    A template is known by its path and a digest of its text. All environments here have the same options.
    """

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._codes[bucket.key, bucket.checksum] = bucket.code


_compiled = _Compiled()


class Press:
    """Renders pages. The same templates and values give the same bytes.

    ``templates`` is a directory whose files take the place of the built-in ones of the same name, the
    style sheet and scripts included. ``style`` is added to the style sheet's end.
    """

    def __init__(self, templates: Path | None = None, *, style: str = "") -> None:
        self._folders = [folder for folder in (templates, template_directory()) if folder is not None]
        self.environment = Environment(
            loader=FileSystemLoader(self._folders),
            autoescape=True,  # for every file, whatever it is called
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_readable,
            bytecode_cache=_compiled,
        )
        text = self._read(STYLE) + style
        self.environment.globals["style"] = Markup(text)  # noqa: S704  # our own file, checked by _read
        self._style_hash = _hash(text)
        self._script = cache(self._read)
        self._identity = _identity(self._folders, style)

    def page(
        self,
        template: str,
        *,
        script: str | None = None,
        connect: bool = False,
        decided_by: str | None = None,
        **context: object,
    ) -> bytes:
        """One page, with the script of that file name in it, if one is given.

        With ``connect`` the script may fetch files of the same site. A page that a memo has is not made
        again: it goes by the templates and by what ``repr`` says of the context, or by ``decided_by``, where
        that is quicker to tell and says all that differs.

        Templates see ``policy`` (the Content-Security-Policy), ``style``, ``script`` (Markup or None) and
        the context.

        Raises:
            InputError: a template is wrong, or asks for what it was not given.
        """
        values = repr(context) if decided_by is None else decided_by
        shown = f"{self._identity}\0{template}\0{script}\0{connect}\0{values}"
        return recalled("page", shown, lambda: self._page(template, script, connect, context)).encode()

    def _page(self, template: str, script: str | None, connect: bool, context: Mapping[str, object]) -> str:
        code = None if script is None else self._script(script)
        policy = _policy(self._style_hash, code, connect=connect)
        source = None if code is None else Markup(code)  # noqa: S704  # our own file, checked by _read
        try:
            text = self.environment.get_template(template).render(policy=policy, script=source, **context)
        except TemplateError as error:
            raise InputError(f"template {template}: {error.__class__.__name__}: {error.message}") from error
        return f"{text}\n"

    def _read(self, name: str) -> str:
        """A style sheet or script, checked to stay inside its element. Scripts lose what writers need."""
        path = next((folder / name for folder in self._folders if (folder / name).is_file()), None)
        path = path or self._folders[-1] / name
        with storage_errors(path):
            text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
        if "</" in text or "<!--" in text:
            raise InputError(f"{path}: expected no '</' and no '<!--', which would end its element")
        return re.sub(r"(?m)^ +|  // .*$", "", text) if name.endswith(".js") else text


def _identity(folders: Sequence[Path], style: str) -> str:
    """What decides how a page looks, besides its values: every template, in its order of precedence."""
    digest = hashlib.sha256(style.encode())
    for folder in folders:
        with storage_errors(folder):
            for path in sorted(path for path in folder.iterdir() if path.is_file()):
                digest.update(f"\0{path.name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _policy(style_hash: str, code: str | None, *, connect: bool) -> str:
    scripts = "" if code is None else f"; script-src {_hash(code)}"
    if connect:
        scripts += "; connect-src 'self'"
    return (
        f"default-src 'none'; style-src {style_hash}{scripts}; img-src data:; form-action 'self';"
        " base-uri 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _readable(value: object) -> object:
    """Show characters that act on the reader as U+FFFD, wherever they come from.

    None of them is printable, which is quicker to ask: pages have texts by the hundred thousand.
    """
    if type(value) is str and not value.isprintable():
        return FORBIDDEN.sub("\ufffd", value)
    return value
