"""Erasure is called with the id of an account, without a request."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from findme import db, queue
from findme.accounts import guests
from findme.accounts.rights import Rights
from findme.db import Connection, Pool
from findme.errors import Conflict, NotFound
from findme.jobs import worker_registry
from findme.models import EventId, JobKind, UserId
from findme.privacy import erasure_receipts
from findme.resources import Resources
from findme.services.erasure import Erasure, Scope
from tests.support.face_rows import add_reference
from tests.support.helpers import add_gala, add_match, add_photos, member


@pytest.fixture
def erasure(resources: Resources) -> Erasure:
    return Erasure(resources.pool, resources.cache, resources.faces, resources.vectors)


async def test_an_erased_account_leaves_a_receipt_with_its_numbers(
    pool: Pool, erasure: Erasure
) -> None:
    async with db.transaction(pool) as conn:
        event = await add_gala(conn)
        photo_ids = await add_photos(conn, {"id": event.id}, 2)
    guest = await member(pool, {"id": event.id})
    async with db.transaction(pool) as conn:
        for photo_id in photo_ids:
            await add_match(conn, guest.guest_id, photo_id, 99.0)

    assert await erasure.count_lost_photos(guest.user_id, Scope.ACCOUNT, None) == 2
    token = await erasure.erase_account(guest.user_id)

    async with db.acquire(pool) as conn:
        _, receipt = await erasure_receipts.find(conn, token)
        actions = [row["action"] for row in await conn.fetch("select action from audit")]
        assert await conn.fetchval("select count(*) from guest") == 0
        assert await conn.fetchval("select count(*) from account") == 0
    assert (receipt.sure, receipt.selfies) == (2, 2)
    assert actions == ["account.erased"]


@pytest.mark.parametrize("erase", [guests.forget, guests.withdraw])
async def test_no_worker_takes_the_vectors_from_the_request_that_erases(
    pool: Pool, erase: Callable[[Connection, EventId, UserId], Awaitable[object]]
) -> None:
    """With a deletion under way elsewhere, its receipt would wait for a later check."""
    async with db.transaction(pool) as conn:
        event = await add_gala(conn)
        await add_reference(conn, event.id, person=1)
        user_id = await conn.fetchval("select account_id from guest")
    async with worker_registry.register_replica(pool) as replica_id, db.acquire(pool) as conn:
        await erase(conn, event.id, user_id)

        taken = await queue.claim(conn, replica_id, 100)
        left = await queue.claim_for_request(conn, JobKind.FORGET_FACES, event.id)

    assert JobKind.FORGET_FACES not in {job.kind for job in taken}
    assert [job.kind for job in left] == [JobKind.FORGET_FACES]


async def test_a_guest_whose_erasure_fails_can_ask_again(pool: Pool, erasure: Erasure) -> None:
    """Their session ends with their account, in one transaction, and not before."""
    async with db.transaction(pool) as conn:
        event = await add_gala(conn)
    guest = await member(pool, {"id": event.id})
    await pool.execute("""
        create function refuse() returns trigger language plpgsql as
            $$ begin raise exception 'the disk is gone'; end $$;
        create trigger refuse before delete on account for each row execute function refuse()""")
    with pytest.raises(asyncpg.RaiseError):
        await erasure.erase_account(guest.user_id)
    token = guest.headers["Authorization"].removeprefix("Bearer ")

    async def identified() -> bool:
        found = await Rights(pool, erasure.cache).identify(token, by_cookie=False)
        return found is not None

    assert await identified()
    await pool.execute("drop trigger refuse on account")
    await erasure.erase_account(guest.user_id)
    assert not await identified()


async def test_a_guest_without_consent_stays_where_the_gallery_can_be_browsed(
    pool: Pool, erasure: Erasure
) -> None:
    async with db.transaction(pool) as conn:
        browsable, closed = await add_gala(conn, "Open"), await add_gala(conn, "Closed")
        await conn.execute("update event set browse = true where id = $1", browsable.id)
    guest = await member(pool, {"id": browsable.id})
    async with db.transaction(pool) as conn:
        await guests.join(conn, closed.id, guest.user_id, consent_text="Yes", language="en")

    await erasure.erase_face(guest.user_id, None)

    async with db.acquire(pool) as conn:
        left = await guests.list_by_user(conn, guest.user_id)
        actions = await conn.fetch("select action, event_id from audit order by event_id")
    assert [(each.event_id, each.consented) for each in left] == [(browsable.id, False)]
    assert [tuple(row) for row in actions] == [
        ("face.erased", browsable.id),
        ("face.erased", closed.id),
    ]


async def test_nobody_leaves_an_event_that_they_did_not_join(
    pool: Pool, erasure: Erasure, admin_id: UserId
) -> None:
    async with db.transaction(pool) as conn:
        event, other = await add_gala(conn), await add_gala(conn, "Other")
    guest = await member(pool, {"id": event.id}, "guest@example.org")

    with pytest.raises(NotFound):
        await erasure.leave_event(guest.user_id, other.id, removed_by=admin_id)

    async with db.acquire(pool) as conn:
        assert await conn.fetchval("select count(*) from receipt") == 0
        assert await conn.fetchval("select count(*) from audit") == 0
        assert await guests.find(conn, event.id, guest.user_id) is not None


async def test_an_admin_erases_a_whole_account(
    pool: Pool, erasure: Erasure, admin_id: UserId
) -> None:
    async with db.transaction(pool) as conn:
        event = await add_gala(conn)
    guest = await member(pool, {"id": event.id}, "guest@example.org")

    token = await erasure.erase_account(guest.user_id, erased_by=admin_id)

    async with db.acquire(pool) as conn:
        _, receipt = await erasure_receipts.find(conn, token)
        noted = await conn.fetchrow("select action, actor_id, detail from audit")
        assert await conn.fetchval("select count(*) from account where role = 'guest'") == 0
    assert (receipt.whole, receipt.events) == (True, 1)
    assert noted is not None
    assert tuple(noted) == ("account.removed", admin_id, '{"events": 1}')
    with pytest.raises(NotFound):
        await erasure.erase_account(guest.user_id, erased_by=admin_id)


async def test_no_admin_erases_an_admins_account(
    pool: Pool, erasure: Erasure, admin_id: UserId
) -> None:
    with pytest.raises(Conflict):
        await erasure.erase_account(admin_id, erased_by=admin_id)
    assert await pool.fetchval("select count(*) from account") == 1
