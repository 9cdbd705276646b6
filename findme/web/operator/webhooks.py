"""Webhooks for admins: who is told, of what, and how that went."""

from typing import Any

from aiohttp import web

from findme import db
from findme.db import Connection, Record
from findme.errors import InvalidRequest
from findme.messaging import webhooks
from findme.messaging.safe_http import check_url
from findme.models import UserId
from findme.privacy import audit_log
from findme.web.keys import POOL, SETTINGS, admin
from findme.web.responses import (
    cut,
    json_answer,
    json_of,
    page_answer,
    page_of,
    path_id,
    text_of,
    time_text,
)


def webhook_json(row: Record) -> dict[str, object]:
    """Return a webhook without its secret."""
    return {
        "id": str(row["id"]),
        "url": row["url"],
        "topics": row["topics"],
        "active": row["active"],
        "created_at": time_text(row["created_at"]),
    }


def delivery_json(row: Record) -> dict[str, object]:
    """Return a delivery and what became of it so far."""
    return {
        "id": str(row["id"]),
        "topic": row["topic"],
        "event_id": None if row["event_id"] is None else str(row["event_id"]),
        "state": row["state"],
        "attempts": row["attempts"],
        "status": row["status"],
        "error": row["error"],
        "created_at": time_text(row["created_at"]),
        "next_at": time_text(row["next_at"]) if row["state"] == "waiting" else None,
        "finished_at": time_text(row["finished_at"]),
    }


async def post_webhook(request: web.Request) -> web.Response:
    """POST /api/admin/webhooks {url, topics}: the secret is shown this once."""
    actor = admin(request).id
    body = await json_of(request)
    async with db.transaction(request.app[POOL]) as conn:
        row = await add(request, conn, actor, text_of(body, "url"), body.get("topics"))
    return json_answer({**webhook_json(row), "secret": row["secret"]}, 201)


async def add(
    request: web.Request, conn: Connection, actor: UserId, url: str, topics: object
) -> Record:
    """Add a webhook for an admin; InvalidRequest for what cannot be one."""
    row = await webhooks.create(conn, checked_url(request, url), checked_topics(topics))
    await audit_log.note(conn, actor, "webhook.created", subjects=[row["id"]])
    return row


async def get_webhooks(request: web.Request) -> web.Response:
    """GET /api/admin/webhooks."""
    admin(request)
    before, limit = page_of(request)
    async with db.acquire(request.app[POOL]) as conn:
        found = await webhooks.list_all(conn, before=before, limit=limit + 1)
        total = await webhooks.count(conn)
    rows, more = cut(found, limit)
    items = [webhook_json(row) for row in rows]
    return await page_answer(request, items, total, rows[-1]["id"] if more else None)


async def get_webhook(request: web.Request) -> web.Response:
    """GET /api/admin/webhooks/{id}."""
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        return json_answer(webhook_json(await webhooks.get(conn, path_id(request))))


async def patch_webhook(request: web.Request) -> web.Response:
    """PATCH /api/admin/webhooks/{id}: the members that are there change."""
    actor = admin(request).id
    body = await json_of(request)
    if unknown := sorted(set(body) - {"url", "topics", "active"}):
        raise InvalidRequest(f"A webhook has no {unknown[0]} to change.", field=unknown[0])
    async with db.transaction(request.app[POOL]) as conn:
        row = await webhooks.get(conn, path_id(request))
        active = body.get("active", row["active"])
        if not isinstance(active, bool):
            raise InvalidRequest("active is true or false.", field="active")
        row = await webhooks.change(
            conn,
            row["id"],
            url=checked_url(request, text_of(body, "url")) if "url" in body else row["url"],
            topics=checked_topics(body["topics"]) if "topics" in body else row["topics"],
            active=active,
        )
        await audit_log.note(
            conn, actor, "webhook.changed", subjects=[row["id"]], detail={"members": sorted(body)}
        )
    return json_answer(webhook_json(row))


async def delete_webhook(request: web.Request) -> web.Response:
    """DELETE /api/admin/webhooks/{id}: its deliveries go along."""
    actor = admin(request).id
    async with db.transaction(request.app[POOL]) as conn:
        await remove(conn, actor, path_id(request))
    return web.Response(status=204)


async def remove(conn: Connection, actor: UserId, webhook_id: int) -> None:
    """Remove a webhook for an admin."""
    await webhooks.delete(conn, webhook_id)
    await audit_log.note(conn, actor, "webhook.deleted", subjects=[webhook_id])


async def post_test(request: web.Request) -> web.Response:
    """POST /api/admin/webhooks/{id}/test: tell it of nothing."""
    actor = admin(request).id
    async with db.transaction(request.app[POOL]) as conn:
        return json_answer(delivery_json(await test(conn, actor, path_id(request))), 202)


async def test(conn: Connection, actor: UserId, webhook_id: int) -> Record:
    """Have a webhook told of nothing for an admin."""
    row = await webhooks.test(conn, webhook_id)
    await audit_log.note(conn, actor, "webhook.tested", subjects=[webhook_id])
    return row


async def get_deliveries(request: web.Request) -> web.Response:
    """GET /api/admin/webhooks/{id}/deliveries."""
    admin(request)
    before, limit = page_of(request)
    async with db.acquire(request.app[POOL]) as conn:
        webhook = await webhooks.get(conn, path_id(request))
        found = await webhooks.list_deliveries(conn, webhook["id"], before=before, limit=limit + 1)
        total = await webhooks.count_deliveries(conn, webhook["id"])
    rows, more = cut(found, limit)
    items = [delivery_json(row) for row in rows]
    return await page_answer(request, items, total, rows[-1]["id"] if more else None)


async def post_redeliver(request: web.Request) -> web.Response:
    """POST /api/admin/webhooks/deliveries/{id}/redeliver: once more, now."""
    actor = admin(request).id
    async with db.transaction(request.app[POOL]) as conn:
        return json_answer(delivery_json(await repeat(conn, actor, path_id(request))), 202)


async def repeat(conn: Connection, actor: UserId, delivery_id: int) -> Record:
    """Have a delivery made once more for an admin."""
    row = await webhooks.redeliver(conn, delivery_id)
    await audit_log.note(conn, actor, "webhook.repeated", subjects=[row["webhook_id"]])
    return row


def checked_url(request: web.Request, url: str) -> str:
    """Return an address that may be told; InvalidRequest for any other."""
    allow_private = request.app[SETTINGS].webhook_allow_private
    return check_url(url.strip(), allow_private=allow_private, field="url")


def checked_topics(value: Any) -> list[str]:
    """Return what a webhook is told of, in our order; InvalidRequest for anything else."""
    known = isinstance(value, list) and all(topic in webhooks.TOPICS for topic in value)
    if not known or not value:
        words = ", ".join(webhooks.TOPICS)
        raise InvalidRequest(f"topics is a list of at least one of {words}.", field="topics")
    return [topic for topic in webhooks.TOPICS if topic in value]


ROUTES = [
    web.post("/api/admin/webhooks", post_webhook),
    web.get("/api/admin/webhooks", get_webhooks),
    web.get("/api/admin/webhooks/{id}", get_webhook),
    web.patch("/api/admin/webhooks/{id}", patch_webhook),
    web.delete("/api/admin/webhooks/{id}", delete_webhook),
    web.post("/api/admin/webhooks/{id}/test", post_test),
    web.get("/api/admin/webhooks/{id}/deliveries", get_deliveries),
    web.post("/api/admin/webhooks/deliveries/{id}/redeliver", post_redeliver),
]
