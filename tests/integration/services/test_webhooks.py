"""Webhooks are administered without an HTTP request, and each change is in the audit log."""

import asyncio
import json

import pytest

from findme import db
from findme.db import Pool
from findme.errors import InvalidRequest, NotFound
from findme.messaging import webhooks
from findme.models import UserId
from findme.services.webhooks import Webhooks

URL = "https://example.org/hook"


@pytest.fixture
def service(pool: Pool) -> Webhooks:
    return Webhooks(pool, allow_private=False)


async def noted(pool: Pool) -> list[tuple[str, object]]:
    rows = await pool.fetch("select action, detail from audit order by id")
    return [(row["action"], json.loads(row["detail"])) for row in rows]


async def test_each_change_is_in_the_audit_log(
    pool: Pool, service: Webhooks, admin_id: UserId
) -> None:
    row = await service.add(admin_id, f" {URL} ", ["photo.ready", "event.created"])
    assert (row["url"], row["topics"]) == (URL, ["event.created", "photo.ready"])

    changed = await service.change(admin_id, row["id"], topics=["photo.ready"], active=False)
    assert (changed["url"], changed["topics"], changed["active"]) == (URL, ["photo.ready"], False)
    await service.switch(admin_id, row["id"], active=True)
    delivery = await service.test(admin_id, row["id"])
    assert (await service.redeliver(admin_id, delivery["id"]))["state"] == "waiting"
    await service.remove(admin_id, row["id"])

    assert await noted(pool) == [
        ("webhook.created", {}),
        ("webhook.changed", {"members": ["active", "topics"]}),
        ("webhook.changed", {"active": "on"}),
        ("webhook.tested", {}),
        ("webhook.repeated", {}),
        ("webhook.deleted", {}),
    ]


async def test_forms_sent_twice_at_once_add_one_webhook(
    pool: Pool, service: Webhooks, admin_id: UserId
) -> None:
    added = await asyncio.gather(
        *(service.add_once(admin_id, URL, ["photo.ready"]) for _ in range(4))
    )

    assert sorted(is_new for _, is_new in added) == [False, False, False, True]
    assert len({row["id"] for row, _ in added}) == 1
    assert await noted(pool) == [("webhook.created", {})]


@pytest.mark.parametrize(
    ("url", "topics", "field"),
    [
        ("http://127.0.0.1/hook", ["photo.ready"], "url"),
        ("example.org", ["photo.ready"], "url"),
        (URL, [], "topics"),
        (URL, ["photo.ready", "photo.eaten"], "topics"),
    ],
)
async def test_a_wrong_address_or_topic_changes_nothing(
    pool: Pool, service: Webhooks, admin_id: UserId, url: str, topics: list[str], field: str
) -> None:
    row = await service.add(admin_id, URL, ["event.created"])
    for refused in (
        service.add(admin_id, url, topics),
        service.add_once(admin_id, url, topics),
        service.change(admin_id, row["id"], url=url, topics=topics),
    ):
        with pytest.raises(InvalidRequest) as raised:
            await refused
        assert raised.value.extra["field"] == field

    async with db.acquire(pool) as conn:
        assert await webhooks.list_all(conn, before=None, limit=10) == [row]
    assert await noted(pool) == [("webhook.created", {})]


async def test_a_webhook_that_is_not_there_is_not_found(
    pool: Pool, service: Webhooks, admin_id: UserId
) -> None:
    for refused in (
        service.change(admin_id, 1, active=True),
        service.switch(admin_id, 1, active=True),
        service.remove(admin_id, 1),
        service.redeliver(admin_id, 1),
    ):
        with pytest.raises(NotFound):
            await refused
    with pytest.raises(NotFound):
        await service.test(admin_id, 1)

    assert await noted(pool) == []
