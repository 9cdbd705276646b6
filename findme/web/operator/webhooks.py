"""Webhooks as JSON: their addresses and topics, and the result of each delivery."""

from typing import Annotated, Any, Literal, TypeAlias

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from findme import db
from findme.db import Record
from findme.errors import InvalidRequest
from findme.messaging import webhooks
from findme.web.keys import POOL, WEBHOOKS, admin
from findme.web.openapi.route import (
    GONE,
    Tag,
    Who,
    a_page,
    accepted,
    created,
    delete,
    get,
    ok,
    patch,
    post,
)
from findme.web.responses import (
    id_text,
    json_answer,
    json_of,
    page_answer,
    page_of,
    path_id,
    split_page,
    text_of,
    time_text,
)
from findme.web.shapes import Id, Time, Url

Topics: TypeAlias = Annotated[
    list[Annotated[str, Meta(extra_json_schema={"enum": [*webhooks.TOPICS]})]],
    Meta(description="The kinds of news that are sent."),
]


class Webhook(Struct, frozen=True):
    """An address to which events are sent."""

    id: Id
    url: Url
    topics: Topics
    active: Annotated[bool, Meta(description="Nothing is sent to one that is not active.")]
    created_at: Time


class WebhookWithSecret(Webhook, frozen=True):
    """A new webhook."""

    secret: Annotated[str, Meta(description="What deliveries are signed with; shown this once.")]


class NewWebhook(Struct):
    """A webhook to add."""

    url: Url
    topics: Topics


class WebhookChanges(Struct, forbid_unknown_fields=True):
    """The members of a webhook to change."""

    url: Url | UnsetType = UNSET
    topics: Topics | UnsetType = UNSET
    active: bool | UnsetType = UNSET


class WebhookDelivery(Struct, frozen=True):
    """A message to a webhook, and its result so far."""

    id: Id
    topic: Annotated[str, Meta(extra_json_schema={"enum": [*webhooks.TOPICS, "test"]})]
    event_id: Id | None
    state: Literal["waiting", "delivered", "failed"]
    attempts: int
    status: Annotated[int | None, Meta(description="Of the last answer.")]
    error: Annotated[
        str | None, Meta(description="Why the last attempt failed, at most 500 characters.")
    ]
    created_at: Time
    next_at: Time | None
    finished_at: Time | None


def _webhook(row: Record) -> Webhook:
    return Webhook(**_members(row))


def _members(row: Record) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "url": row["url"],
        "topics": row["topics"],
        "active": row["active"],
        "created_at": time_text(row["created_at"]),
    }


def _delivery(row: Record) -> WebhookDelivery:
    return WebhookDelivery(
        id=str(row["id"]),
        topic=row["topic"],
        event_id=id_text(row["event_id"]),
        state=row["state"],
        attempts=row["attempts"],
        status=row["status"],
        error=row["error"],
        created_at=time_text(row["created_at"]),
        next_at=time_text(row["next_at"]) if row["state"] == "waiting" else None,
        finished_at=time_text(row["finished_at"]),
    )


async def post_webhook(request: web.Request) -> web.Response:
    """POST /api/admin/webhooks {url, topics}: the only answer that shows the secret."""
    actor = admin(request).id
    body = await json_of(request)
    row = await request.app[WEBHOOKS].add(actor, text_of(body, "url"), _topics_of(body))
    return json_answer(WebhookWithSecret(**_members(row), secret=row["secret"]), 201)


async def get_webhooks(request: web.Request) -> web.Response:
    """GET /api/admin/webhooks."""
    admin(request)
    before, limit = page_of(request)
    async with db.acquire(request.app[POOL]) as conn:
        found = await webhooks.list_all(conn, before=before, limit=limit + 1)
        total = await webhooks.count(conn)
    rows, more = split_page(found, limit)
    items = [_webhook(row) for row in rows]
    return await page_answer(request, items, total, rows[-1]["id"] if more else None)


async def get_webhook(request: web.Request) -> web.Response:
    """GET /api/admin/webhooks/{id}."""
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        return json_answer(_webhook(await webhooks.get(conn, path_id(request))))


async def patch_webhook(request: web.Request) -> web.Response:
    """PATCH /api/admin/webhooks/{id}: changes the members that the body has."""
    actor = admin(request).id
    body = await json_of(request)
    if unknown := sorted(set(body) - {"url", "topics", "active"}):
        raise InvalidRequest(f"A webhook has no {unknown[0]} to change.", field=unknown[0])
    active = body.get("active", True)
    if not isinstance(active, bool):
        raise InvalidRequest("active is true or false.", field="active")
    row = await request.app[WEBHOOKS].change(
        actor,
        path_id(request),
        url=text_of(body, "url") if "url" in body else None,
        topics=_topics_of(body) if "topics" in body else None,
        active=active if "active" in body else None,
    )
    return json_answer(_webhook(row))


async def delete_webhook(request: web.Request) -> web.Response:
    """DELETE /api/admin/webhooks/{id}: deletes its deliveries too."""
    await request.app[WEBHOOKS].remove(admin(request).id, path_id(request))
    return web.Response(status=204)


async def post_test(request: web.Request) -> web.Response:
    """POST /api/admin/webhooks/{id}/test: sends a delivery without content."""
    row = await request.app[WEBHOOKS].test(admin(request).id, path_id(request))
    return json_answer(_delivery(row), 202)


async def get_deliveries(request: web.Request) -> web.Response:
    """GET /api/admin/webhooks/{id}/deliveries."""
    admin(request)
    before, limit = page_of(request)
    async with db.acquire(request.app[POOL]) as conn:
        webhook = await webhooks.get(conn, path_id(request))
        found = await webhooks.list_deliveries(conn, webhook["id"], before=before, limit=limit + 1)
        total = await webhooks.count_deliveries(conn, webhook["id"])
    rows, more = split_page(found, limit)
    items = [_delivery(row) for row in rows]
    return await page_answer(request, items, total, rows[-1]["id"] if more else None)


async def post_redeliver(request: web.Request) -> web.Response:
    """POST /api/admin/webhooks/deliveries/{id}/redeliver: sends it again, now."""
    row = await request.app[WEBHOOKS].redeliver(admin(request).id, path_id(request))
    return json_answer(_delivery(row), 202)


def _topics_of(body: dict[str, Any]) -> list[Any]:
    """Return the member `topics`; an empty list, which no webhook may have, for anything else."""
    value = body.get("topics")
    return value if isinstance(value, list) else []


ROUTES = [
    post(
        "/api/admin/webhooks",
        post_webhook,
        "Add a webhook",
        created(WebhookWithSecret, "The webhook."),
        takes=NewWebhook,
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/webhooks",
        get_webhooks,
        "Webhooks",
        a_page(Webhook),
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/webhooks/{id}",
        get_webhook,
        "A webhook",
        ok(Webhook, "The webhook."),
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
    patch(
        "/api/admin/webhooks/{id}",
        patch_webhook,
        "Change the members that are sent",
        ok(Webhook, "The webhook."),
        takes=WebhookChanges,
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
    delete(
        "/api/admin/webhooks/{id}",
        delete_webhook,
        "Remove a webhook with its deliveries",
        GONE,
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
    post(
        "/api/admin/webhooks/{id}/test",
        post_test,
        "Send a webhook a delivery without content",
        accepted(WebhookDelivery, "The delivery."),
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/webhooks/{id}/deliveries",
        get_deliveries,
        "The deliveries of a webhook with their results",
        a_page(WebhookDelivery),
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
    post(
        "/api/admin/webhooks/deliveries/{id}/redeliver",
        post_redeliver,
        "Send a delivery again, now",
        accepted(WebhookDelivery, "The delivery."),
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
]
