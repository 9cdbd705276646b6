"""Messages about new photos: a guest's choices, and the link that ends the mails."""

from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from findme.errors import Conflict, InvalidRequest
from findme.messaging import notifications, safe_http, web_push
from findme.messaging.notifications import Choices
from findme.models import EventId
from findme.services.notification_choices import NewSubscription
from findme.web.assets import ASSETS
from findme.web.keys import NOTIFICATION_CHOICES, SETTINGS, user
from findme.web.openapi.route import GONE, Tag, Who, delete, get, ok, put
from findme.web.rendering import language_of, render
from findme.web.responses import json_answer, json_of, path_id, text_of


class PushKey(Struct, frozen=True):
    """The key that a browser subscribes with."""

    key: Annotated[str, Meta(description="P-256, uncompressed, base64url.")]


class Notify(Struct, frozen=True):
    """How the caller is notified of new photos of an event."""

    mail: Annotated[bool, Meta(description="By mail.")]
    mail_offered: Annotated[
        bool, Meta(description="Whether there is a mail server, and an address to write to.")
    ]
    browsers: Annotated[int, Meta(description="How many browsers are told.")]


class MailChoice(Struct):
    """Whether to be notified by mail."""

    mail: bool


class SubscriptionKeys(Struct):
    """The keys of a subscription."""

    p256dh: Annotated[str, Meta(description="Base64url.")]
    auth: Annotated[str, Meta(description="Base64url.")]


class PushSubscription(Struct):
    """A browser's PushSubscription."""

    endpoint: Annotated[
        str, Meta(description="An https address on the internet: the push service's.")
    ]
    keys: SubscriptionKeys


class SubscriptionEnd(Struct):
    """The subscription to end."""

    endpoint: str


async def get_push_key(request: web.Request) -> web.Response:
    """GET /api/push-key: the key with which a browser subscribes."""
    user(request)
    return json_answer(PushKey(await request.app[NOTIFICATION_CHOICES].public_key()))


async def get_notify(request: web.Request) -> web.Response:
    """GET /api/me/events/{id}/notify."""
    event_id = EventId(path_id(request))
    now = await request.app[NOTIFICATION_CHOICES].get(user(request), event_id)
    return _choices_answer(request, now)


def _choices_answer(request: web.Request, now: Choices) -> web.Response:
    offered = notifications.mails(request.app[SETTINGS]) and user(request).email is not None
    answer = json_answer(Notify(now.mail, offered, now.browsers))
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def _own_event(request: web.Request) -> EventId:
    """Return the event of the path if the caller is its guest, before their body is read."""
    event_id = EventId(path_id(request))
    await request.app[NOTIFICATION_CHOICES].check_guest(user(request), event_id)
    return event_id


async def put_notify(request: web.Request) -> web.Response:
    """PUT /api/me/events/{id}/notify {mail}."""
    event_id = await _own_event(request)
    wanted = (await json_of(request)).get("mail")
    if not isinstance(wanted, bool):
        raise InvalidRequest("mail is true or false.", field="mail")
    now = await request.app[NOTIFICATION_CHOICES].set_mail(user(request), event_id, wanted)
    return _choices_answer(request, now)


async def put_push(request: web.Request) -> web.Response:
    """PUT /api/me/events/{id}/push {endpoint, keys: {p256dh, auth}}: as PushSubscription says."""
    event_id = await _own_event(request)
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
    browser = NewSubscription(
        endpoint=endpoint, p256dh=p256dh, auth=secret, language=language_of(request).code
    )
    await request.app[NOTIFICATION_CHOICES].subscribe(user(request), event_id, browser)
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def delete_push(request: web.Request) -> web.Response:
    """DELETE /api/me/events/{id}/push {endpoint}."""
    event_id = await _own_event(request)
    endpoint = text_of(await json_of(request), "endpoint")
    await request.app[NOTIFICATION_CHOICES].unsubscribe(user(request), event_id, endpoint)
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def unsubscribe_page(request: web.Request) -> web.Response:
    """GET /unsubscribe/{token}: one button; programs that follow links change nothing."""
    return await _unsubscribe(request, really=False)


async def unsubscribe(request: web.Request) -> web.Response:
    """POST /unsubscribe/{token}: that button, or a mail program's own (RFC 8058)."""
    return await _unsubscribe(request, really=True)


async def _unsubscribe(request: web.Request, *, really: bool) -> web.Response:
    token = request.match_info["token"]
    name = await request.app[NOTIFICATION_CHOICES].stop_mails(token, really=really)
    return render(request, "guest/unsubscribe.html", {"event": name, "done": really})


async def service_worker(request: web.Request) -> web.Response:
    """GET /sw.js: at the root, so that it may serve all pages; browsers revalidate it."""
    asset = request.app[ASSETS].files["sw.js"]
    return web.Response(
        body=asset.body,
        headers={"Content-Type": asset.media_type, "Cache-Control": "no-cache"},
    )


ROUTES = [
    get(
        "/api/push-key",
        get_push_key,
        "The key that a browser subscribes to push messages with",
        ok(PushKey, "The key."),
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
    get(
        "/api/me/events/{id}/notify",
        get_notify,
        "How the caller is told of new photos",
        ok(Notify, "The choices."),
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
    put(
        "/api/me/events/{id}/notify",
        put_notify,
        "Be told of new photos by mail, or no longer",
        ok(Notify, "The choices."),
        takes=MailChoice,
        fails=[Conflict],
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
    put(
        "/api/me/events/{id}/push",
        put_push,
        "Be told of new photos in this browser",
        GONE,
        takes=PushSubscription,
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
    delete(
        "/api/me/events/{id}/push",
        delete_push,
        "No longer be told in this browser",
        GONE,
        takes=SubscriptionEnd,
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
    web.get("/unsubscribe/{token}", unsubscribe_page),
    web.post("/unsubscribe/{token}", unsubscribe),
    web.get("/sw.js", service_worker),
]
