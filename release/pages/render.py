"""Renders a site: values in, files out. Pure except that templates are read from disk."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError
from markupsafe import Markup

import release as package
from release.errors import InputError, storage_errors
from release.notes.characters import FORBIDDEN
from release.pages import addresses
from release.pages.documents import machine_index, release_list
from release.pages.feeds import atom_feed
from release.pages.release_view import release_view
from release.pages.site import Site
from release.pages.view import index_view

STYLE = "style.css"


def template_directory() -> Path:
    """The built-in templates: beside the packages in a checkout, inside the package when installed."""
    here = Path(package.__file__).parent
    installed = here / "_templates"
    return installed if installed.is_dir() else here.parent / "templates"


def render_site(site: Site, templates: Path | None = None) -> Mapping[str, bytes]:
    """Every file of the site, by its path below the root of the pages, sorted by path.

    The same site and templates give the same bytes.

    Args:
        site: what to say.
        templates: a directory whose files take the place of the built-in ones of the same name.

    Raises:
        InputError: notes that cannot be rendered, or a template that is wrong.
    """
    environment, policy = page_environment(templates)
    files = {
        addresses.INDEX: render_page(environment, "index.html", view=index_view(site), policy=policy),
        addresses.MACHINE_INDEX: machine_index(site),
    }
    for published in site.releases:
        path = addresses.release_page(published.release.version)
        view = release_view(site, published)
        files[path] = render_page(environment, "release.html", view=view, policy=policy)
    for name in (None, *(channel.name for channel in site.channels)):
        files[addresses.feed(name)] = atom_feed(site, name)
        files[addresses.release_list(name)] = release_list(site, name)
    return dict(sorted(files.items()))


def page_environment(templates: Path | None) -> tuple[Environment, str]:
    """The template engine, and the Content-Security-Policy that its one style sheet satisfies.

    ``templates`` is a directory whose files take the place of the built-in ones of the same name.
    """
    folders = [folder for folder in (templates, template_directory()) if folder is not None]
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,  # for every file, whatever it is called
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_readable,
    )
    style = _style(folders)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment.globals["style"] = Markup(style)  # noqa: S704  # our own file, checked to stay one element
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    return environment, policy


def _style(folders: list[Path]) -> str:
    """The style sheet; it is put into every page, so that a page is one request and works from a file."""
    path = next((folder / STYLE for folder in folders if (folder / STYLE).is_file()), folders[-1] / STYLE)
    with storage_errors(path):
        style = path.read_text(encoding="utf-8").replace("\r\n", "\n")
    if "</" in style:
        raise InputError(f"{path}: expected a style sheet without '</', which would end its element")
    return style


def render_page(environment: Environment, name: str, **context: object) -> bytes:
    """One page. Raises InputError when its template is wrong."""
    try:
        return environment.get_template(name).render(context).encode() + b"\n"
    except TemplateError as error:
        raise InputError(f"template {name}: {error.__class__.__name__}: {error.message}") from error


def _readable(value: object) -> object:
    """Show characters that act on the reader as U+FFFD, wherever they come from."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return FORBIDDEN.sub("\ufffd", value)
    return value
