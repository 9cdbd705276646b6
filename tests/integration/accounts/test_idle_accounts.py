"""Accounts whose last event is over are erased after 30 days, and announced before."""

from dataclasses import replace

import orjson
import pytest

from findme import db
from findme.accounts import guests
from findme.db import Pool
from findme.jobs.delivery_jobs import DeliveryJobs
from findme.models import Event, Job, JobId, JobKind
from findme.operations import retention
from findme.settings import Settings
from tests.support.helpers import Member, add_gala, member
from tests.support.smtp_server import Postbox


@pytest.fixture
def mailing(settings: Settings, box: Postbox) -> Settings:
    """Settings with mail out."""
    return replace(settings, smtp_url=box.url, findme_base_url="https://findme.example")


async def add_guest(pool: Pool) -> tuple[Member, Event]:
    """Add a guest whose address is proven."""
    async with db.transaction(pool) as conn:
        event = await add_gala(conn)
    guest = await member(pool, {"id": event.id})
    await pool.execute("update account set email_proven_at = now()")
    return guest, event


async def days_pass(pool: Pool, days: int) -> None:
    await pool.execute(
        """
        update account set idle_since = idle_since - make_interval(days => $1),
                           announced_at = announced_at - make_interval(days => $1)""",
        days,
    )


async def accounts_left(pool: Pool) -> int:
    number: int = await pool.fetchval("select count(*) from account")
    return number


async def test_an_account_goes_thirty_days_after_its_last_event(
    pool: Pool, settings: Settings
) -> None:
    _, event = await add_guest(pool)
    await retention.follow_accounts(pool, settings)
    await days_pass(pool, 400)
    await retention.follow_accounts(pool, settings)
    assert await accounts_left(pool) == 1

    await pool.execute("delete from event where id = $1", event.id)
    await retention.follow_accounts(pool, settings)
    await days_pass(pool, 29)
    await retention.follow_accounts(pool, settings)
    assert await accounts_left(pool) == 1
    await days_pass(pool, 1)
    await retention.follow_accounts(pool, settings)
    assert await accounts_left(pool) == 0
    (noted,) = await pool.fetch("select action, detail from audit")
    assert tuple(noted) == ("account.expired", '{"accounts": 1}')


async def test_who_joins_again_keeps_the_account(pool: Pool, settings: Settings) -> None:
    guest, event = await add_guest(pool)
    await pool.execute("delete from guest")
    await retention.follow_accounts(pool, settings)
    await days_pass(pool, 31)
    async with db.transaction(pool) as conn:
        await guests.browse(conn, event.id, guest.user_id)
    await retention.follow_accounts(pool, settings)
    assert await accounts_left(pool) == 1
    assert await pool.fetchval("select idle_since from account") is None


async def test_an_admin_in_no_event_stays(pool: Pool, settings: Settings) -> None:
    await add_guest(pool)
    await pool.execute("update account set role = 'admin', idle_since = now()")
    await pool.execute("delete from event")
    await days_pass(pool, 31)
    await retention.follow_accounts(pool, settings)
    assert await accounts_left(pool) == 1


async def test_it_is_announced_once_a_week_before(
    pool: Pool, mailing: Settings, box: Postbox
) -> None:
    await add_guest(pool)
    await pool.execute("delete from event")
    await pool.execute("update account set language = 'fr'")
    await retention.follow_accounts(pool, mailing)
    await days_pass(pool, 24)
    for _ in range(2):
        await retention.follow_accounts(pool, mailing)
    (row,) = await pool.fetch("select id, payload from job where kind = 'send_mail'")
    await send(pool, mailing, row["payload"])
    (mail,) = box.mails
    assert mail["To"] == "ada@example.org"
    assert mail["Subject"] == "Votre compte FindMe sera effacé dans 7 jours"

    # the service was off for weeks: the mail comes a week before all the same
    await pool.execute("update account set idle_since = idle_since - interval '60 days'")
    await retention.follow_accounts(pool, mailing)
    assert await accounts_left(pool) == 1
    await days_pass(pool, 8)
    await retention.follow_accounts(pool, mailing)
    assert await accounts_left(pool) == 0


async def test_an_address_that_nobody_confirmed_gets_no_mail(pool: Pool, mailing: Settings) -> None:
    await add_guest(pool)
    await pool.execute("update account set email_proven_at = null")
    await pool.execute("delete from event")
    await retention.follow_accounts(pool, mailing)
    await days_pass(pool, 31)
    await retention.follow_accounts(pool, mailing)
    assert await accounts_left(pool) == 0
    assert await pool.fetchval("select count(*) from job where kind = 'send_mail'") == 0


async def test_who_has_joined_again_gets_no_farewell(
    pool: Pool, mailing: Settings, box: Postbox
) -> None:
    guest, _ = await add_guest(pool)
    await send(pool, mailing, f'{{"letter": "farewell", "account_id": {guest.user_id}}}')
    assert box.mails == []


async def send(pool: Pool, settings: Settings, payload: str) -> None:
    job = Job(JobId(1), JobKind.SEND_MAIL, None, None, None, orjson.loads(payload), "", 1, 1, 0)
    await DeliveryJobs(settings, pool).send_mail(job)
