"""The gallery without a selfie, where the organiser allows it: a guest without any face work."""

from aiohttp import web

from findme import db
from findme.accounts import auth, guests
from findme.errors import BrowsingClosed, TooManyAttempts
from findme.gallery import events
from findme.web.guest.join import Joined, Newcomer, check_open, joined_answer, let_in, welcome
from findme.web.keys import CACHE, POOL, actor, remote
from findme.web.rendering import language_of, redirect
from findme.web.request_bodies import form_of
from findme.web.responses import json_of, text_of

#: Newcomers a minute from one address: a whole party may stand behind one.
MAX_NEWCOMERS = 120
SECONDS = 60
#: What a guest is called who gives no name; the form sends the word of its language.
NAMELESS = "Guest"


async def browse(request: web.Request, name: str) -> Joined:
    """Let the caller, or a newcomer of that name (or none), see an event's gallery.

    EventClosed, JoinClosed or BrowsingClosed where the event does not take them.
    """
    pool, who = request.app[POOL], actor(request).user
    async with db.acquire(pool) as conn:
        event = await events.get_by_code(conn, request.match_info["code"])
        guest = None if who is None else await guests.find(conn, event.id, who.id)
    if who is not None and guest is not None:
        return Joined(None, None, who, event, guest.selfie_state)
    check_open(event)
    if not event.browsable:
        raise BrowsingClosed
    if who is not None:
        async with db.transaction(pool) as conn:
            await events.hold(conn, event.id)
            await guests.browse(conn, event.id, who.id)
        return Joined(None, None, who, event, None)
    newcomer = Newcomer(auth.check_name(name.strip() or NAMELESS))
    origin = f"newcomers:{remote(request)}"
    if await request.app[CACHE].count_attempt(origin, seconds=SECONDS) > MAX_NEWCOMERS:
        raise TooManyAttempts
    async with db.transaction(pool) as conn:
        await events.hold(conn, event.id)
        who, key = await newcomer.enter(conn, language_of(request).code)
        await guests.browse(conn, event.id, who.id)
    return await welcome(request, event, who, key, None)


async def post_browse(request: web.Request) -> web.Response:
    """POST /api/events/{code}/browse {name?}."""
    body = await json_of(request)
    return joined_answer(request, await browse(request, text_of(body, "name", required=False)))


async def browse_form(request: web.Request) -> web.Response:
    """POST /e/{code}/browse: the button under the join form."""
    joined = await browse(request, str((await form_of(request)).get("name", "")))
    return let_in(request, redirect(f"/gallery?event={joined.event_id}&tab=all"), joined)


ROUTES = [
    web.post("/api/events/{code}/browse", post_browse),
    web.post("/e/{code}/browse", browse_form),
]
