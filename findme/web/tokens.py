"""An event's upload tokens, for admins."""

from aiohttp import web

from findme import auth, db, events
from findme.errors import NotFound
from findme.models import EventId, TokenId
from findme.web.answers import (
    cut,
    json_answer,
    json_of,
    page_answer,
    page_of,
    path_id,
    text_of,
    time_text,
)
from findme.web.keys import CACHE, POOL, admin


async def post_token(request: web.Request) -> web.Response:
    """POST /api/admin/events/{id}/tokens: the token is shown this once."""
    admin(request)
    body = await json_of(request)
    label = " ".join(text_of(body, "label", required=False).split())[:100] or "Photographer"
    async with db.transaction(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        token_id, token = await auth.create_upload_token(conn, event.id, label)
    return json_answer({"id": str(token_id), "label": label, "token": token}, 201)


async def get_tokens(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/tokens: without the tokens themselves."""
    admin(request)
    before, limit = page_of(request)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        every = await auth.list_upload_tokens(conn, event.id)
    # an event has a handful: the page is cut here
    rows, more = cut([row for row in every if before is None or row["id"] < before], limit)
    items: list[dict[str, object]] = [
        {
            "id": str(row["id"]),
            "label": row["label"],
            "created_at": time_text(row["created_at"]),
            "last_used_at": time_text(row["last_used_at"]),
        }
        for row in rows
    ]
    return page_answer(request, items, len(every), rows[-1]["id"] if more else None)


async def delete_token(request: web.Request) -> web.Response:
    """DELETE /api/admin/events/{id}/tokens/{token_id}."""
    admin(request)
    event_id, token_id = EventId(path_id(request)), TokenId(path_id(request, "token_id"))
    if not await auth.delete_upload_token(
        request.app[POOL], request.app[CACHE], event_id, token_id
    ):
        raise NotFound
    return web.Response(status=204)


ROUTES = [
    web.post("/api/admin/events/{id}/tokens", post_token),
    web.get("/api/admin/events/{id}/tokens", get_tokens),
    web.delete("/api/admin/events/{id}/tokens/{token_id}", delete_token),
]
