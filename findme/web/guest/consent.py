"""What a guest agrees to: the text that the server shows, and its id, which the form sends back.

The record of a consent keeps the text that is made here, never one that a client sends.
"""

import hashlib
import html
import re
from dataclasses import dataclass
from datetime import UTC

from aiohttp import web

from findme.errors import Conflict
from findme.gallery import events
from findme.models import Admission, Event
from findme.web.keys import FACES
from findme.web.rendering import LANGUAGES, language_of, text_in
from findme.web.responsible import responsible_for


class ConsentChanged(Conflict):
    """The text of the consent has changed since you saw it: read it again."""

    code = "consent_changed"


@dataclass(frozen=True, slots=True)
class ConsentText:
    """One version of the text, in one language."""

    #: Of the language and the words: other words, another end or another region have another id.
    id: str
    language: str
    text: str


async def facts(
    request: web.Request, event: Event, language_code: str, *, invited: bool = False
) -> dict[str, object]:
    """Return what the text says of an event: who is responsible, where, and until when.

    The organiser admits nobody who was *invited* by a link, and so sees no selfie of theirs.
    """
    faces, ends = request.app[FACES], None
    if event.expires_at is not None:
        # not in the visitor's zone, which the browser tells only later: the same text both times
        zone = events.zone_of(event) or UTC
        ends = request.app[LANGUAGES][language_code].day(event.expires_at, zone)
    responsible = await responsible_for(request, event)
    return {
        "controller": responsible.controller,
        "contact": responsible.contact,
        "kind": event.kind,
        "dropped": event.drop_selfies,
        "browse": event.browsable,
        "approval": event.admission is Admission.APPROVAL and not invited,
        "ends": ends,
        "region": None if faces.embedded else faces.region,
    }


async def consent_text(
    request: web.Request, event: Event, language_code: str = "", *, invited: bool = False
) -> ConsentText:
    """Return the present text for an event's guests, in that language or else the visitor's."""
    code = language_code if language_code in request.app[LANGUAGES] else language_of(request).code
    values = await facts(request, event, code, invited=invited)
    page = text_in(request, code, "guest/consent_record.html", values)
    paragraphs = re.findall(r"<p>(.*?)</p>", page, re.DOTALL)
    text = "\n".join(
        html.unescape(re.sub(r"[ \n]+", " ", paragraph).strip()) for paragraph in paragraphs
    )
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return ConsentText(f"{code}-{digest}", code, text)


async def agreed_text(
    request: web.Request, event: Event, *, language_code: str, shown_id: str, invited: bool = False
) -> ConsentText:
    """Return the text that a form agrees to; ConsentChanged if *shown_id* names another one.

    A client without an id agrees to the present text.
    """
    present = await consent_text(request, event, language_code, invited=invited)
    if shown_id and shown_id != present.id:
        raise ConsentChanged
    return present
