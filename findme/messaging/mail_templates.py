"""The texts of mails: templates/mail/, each as text and as HTML, in the reader's language."""

import functools
import html
from collections.abc import Mapping
from dataclasses import dataclass

import jinja2

from findme.language import DEFAULT, Language, read_languages
from findme.paths import TEMPLATES

#: The template block that holds the subject.
_SUBJECT = "subject"


@dataclass(frozen=True, slots=True)
class Letter:
    """The text of a mail."""

    subject: str
    text: str
    html: str


def language(code: str | None) -> Language:
    """Return one of our languages; the default one for an unknown code."""
    known = read_languages()
    return known.get(code or DEFAULT, known[DEFAULT])


@functools.cache
def _environment(code: str) -> jinja2.Environment:
    spoken = language(code)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        extensions=["jinja2.ext.i18n"],
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # the extension's
        spoken.gettext, spoken.ngettext, newstyle=True
    )
    environment.globals.update(language=spoken)
    return environment


def prepare() -> None:
    """Read the languages and compile every mail in each of them; safe in a thread.

    Otherwise the first mail or push message would block the event loop.
    """
    for code in read_languages():
        environment = _environment(code)
        for name in environment.list_templates(filter_func=lambda name: name.startswith("mail/")):
            environment.get_template(name)


def write(name: str, code: str | None, context: Mapping[str, object]) -> Letter:
    """Return the mail *name* in a language, with these values."""
    environment = _environment(language(code).code)
    page = environment.get_template(f"mail/{name}.html")
    plain = environment.get_template(f"mail/{name}.txt")
    subject = "".join(page.blocks[_SUBJECT](page.new_context(dict(context))))
    return Letter(
        subject=_unescaped(subject), text=plain.render(context), html=page.render(context)
    )


def _unescaped(text: str) -> str:
    """Return a subject without HTML escapes: header lines are plain text."""
    return html.unescape(text).strip()
