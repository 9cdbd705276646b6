"""The register of an event's consents as a table for spreadsheets."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from findme import db
from findme.accounts import consent_register
from findme.accounts.consent_register import Consent
from findme.gallery import events
from findme.models import EventId, GuestId
from findme.web.keys import POOL, admin
from findme.web.openapi.route import Tag, Who, get, some_bytes
from findme.web.responses import path_id, time_text
from findme.web.spreadsheet import MARK, csv_of

CSV: Final = "text/csv"
COLUMNS: Final = ("name", "email", "given_at", "withdrawn_at", "language", "text")
#: Rows that are read and sent at a time: each has a text of some 2 kB.
BATCH = 200


async def get_register(request: web.Request) -> web.StreamResponse:
    """GET /api/admin/events/{id}/consents.csv."""
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
    response = web.StreamResponse(
        headers={
            "Content-Disposition": f'attachment; filename="consents-{event.code}.csv"',
            "Cache-Control": "private, no-store",
        }
    )
    response.content_type, response.charset = CSV, "utf-8"
    await response.prepare(request)
    if request.method != "HEAD":
        await response.write(MARK + csv_of([COLUMNS]))
        after: GuestId | None = None
        while found := await _batch(request, event.id, after):
            await response.write(csv_of(_row(consent) for consent in found))
            after = found[-1].guest_id
    await response.write_eof()
    return response


async def _batch(
    request: web.Request, event_id: EventId, after: GuestId | None
) -> Sequence[Consent]:
    async with db.acquire(request.app[POOL]) as conn:
        return await consent_register.list_consents(conn, event_id, after=after, limit=BATCH)


def _row(consent: Consent) -> Sequence[str | None]:
    return (
        consent.name,
        consent.email,
        time_text(consent.given_at),
        time_text(consent.withdrawn_at),
        consent.language,
        consent.text,
    )


ROUTES = [
    get(
        "/api/admin/events/{id}/consents.csv",
        get_register,
        "The register of consents: who agreed when, to which text, and who withdrew",
        some_bytes("A table in UTF-8, with a line of names.", CSV),
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
]
