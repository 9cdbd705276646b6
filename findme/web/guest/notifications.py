"""Being told of new photos: the choices of a guest, and leaving the mails by their own link."""

from http import HTTPStatus

from aiohttp import web

from findme import db
from findme.accounts import guests
from findme.accounts.guests import Guest
from findme.db import Connection
from findme.errors import Conflict, InvalidRequest, NotFound
from findme.gallery import events
from findme.messaging import notifications, safe_http, web_push
from findme.messaging import unsubscribe as unsubscribing
from findme.models import EventId
from findme.web.assets import ASSETS
from findme.web.keys import POOL, SETTINGS, user
from findme.web.rendering import language_of, render
from findme.web.responses import json_answer, json_of, path_id, text_of


async def _guest(request: web.Request, conn: Connection) -> Guest:
    guest = await guests.find(conn, EventId(path_id(request)), user(request).id)
    if guest is None:
        raise NotFound
    return guest


async def _held_guest(request: web.Request, conn: Connection) -> Guest:
    await events.hold(conn, EventId(path_id(request)))
    return await _guest(request, conn)


async def get_push_key(request: web.Request) -> web.Response:
    """GET /api/push-key: what a browser subscribes with."""
    user(request)
    async with db.acquire(request.app[POOL]) as conn:
        private = await web_push.private_key(conn)
    return json_answer({"key": web_push.public_key(private)})


async def get_notify(request: web.Request) -> web.Response:
    """GET /api/me/events/{id}/notify."""
    async with db.acquire(request.app[POOL]) as conn:
        return await _choices(request, conn, await _guest(request, conn))


async def _choices(request: web.Request, conn: Connection, guest: Guest) -> web.Response:
    now = await notifications.choices(conn, guest.id)
    offered = notifications.mails(request.app[SETTINGS]) and user(request).email is not None
    answer = json_answer({"mail": now.mail, "mail_offered": offered, "browsers": now.browsers})
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def put_notify(request: web.Request) -> web.Response:
    """PUT /api/me/events/{id}/notify {mail}."""
    wanted = (await json_of(request)).get("mail")
    if not isinstance(wanted, bool):
        raise InvalidRequest("mail is true or false.", field="mail")
    async with db.transaction(request.app[POOL]) as conn:
        guest = await _held_guest(request, conn)
        if wanted and not notifications.mails(request.app[SETTINGS]):
            raise Conflict("This server sends no mails about new photos.")
        if wanted and user(request).email is None:
            raise Conflict("There is no e-mail address on this account.")
        await notifications.set_mail(conn, guest.id, wanted)
        return await _choices(request, conn, guest)


async def put_push(request: web.Request) -> web.Response:
    """PUT /api/me/events/{id}/push {endpoint, keys: {p256dh, auth}}: as PushSubscription says."""
    body = await json_of(request)
    keys = body.get("keys")
    if not isinstance(keys, dict):
        raise InvalidRequest("keys is missing.", field="keys")
    p256dh, secret = text_of(keys, "p256dh"), text_of(keys, "auth")
    web_push.check_keys(p256dh, secret)
    endpoint = safe_http.check_url(
        text_of(body, "endpoint"),
        allow_private=request.app[SETTINGS].webhook_allow_private,
        field="endpoint",
    )
    async with db.transaction(request.app[POOL]) as conn:
        guest = await _held_guest(request, conn)
        await notifications.subscribe(
            conn,
            guest.id,
            endpoint=endpoint,
            p256dh=p256dh,
            auth=secret,
            language=language_of(request).code,
        )
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def delete_push(request: web.Request) -> web.Response:
    """DELETE /api/me/events/{id}/push {endpoint}."""
    endpoint = text_of(await json_of(request), "endpoint")
    async with db.transaction(request.app[POOL]) as conn:
        guest = await _held_guest(request, conn)
        await notifications.unsubscribe(conn, guest.id, endpoint)
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def unsubscribe_page(request: web.Request) -> web.Response:
    """GET /unsubscribe/{token}: one button; programs that look at links change nothing."""
    return await _unsubscribe(request, really=False)


async def unsubscribe(request: web.Request) -> web.Response:
    """POST /unsubscribe/{token}: that button, or a mail program's own (RFC 8058)."""
    return await _unsubscribe(request, really=True)


async def _unsubscribe(request: web.Request, *, really: bool) -> web.Response:
    async with db.transaction(request.app[POOL]) as conn:
        name = await unsubscribing.stop(conn, request.match_info["token"], really=really)
    return render(request, "guest/unsubscribe.html", {"event": name, "done": really})


async def service_worker(request: web.Request) -> web.Response:
    """GET /sw.js: at the root, so that it may stand for all pages; asked for anew each time."""
    asset = request.app[ASSETS].files["sw.js"]
    return web.Response(
        body=asset.body,
        headers={"Content-Type": asset.media_type, "Cache-Control": "no-cache"},
    )


ROUTES = [
    web.get("/api/push-key", get_push_key),
    web.get("/api/me/events/{id}/notify", get_notify),
    web.put("/api/me/events/{id}/notify", put_notify),
    web.put("/api/me/events/{id}/push", put_push),
    web.delete("/api/me/events/{id}/push", delete_push),
    web.get("/unsubscribe/{token}", unsubscribe_page),
    web.post("/unsubscribe/{token}", unsubscribe),
    web.get("/sw.js", service_worker),
]
