"""Guests' notifications: their choices, their new photos, and the time of the last message.

A guest is notified once of each photo that surely shows them: those that were found, or became
visible, since the last message (or since they switched messages on). Photos that they confirmed
they have seen already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from findme import queue
from findme.db import Connection, Record
from findme.errors import NotFound
from findme.models import EventId, GuestId, JobKind
from findme.queue import Dedupe
from findme.settings import Settings

#: Seconds from a match to its notification: other matches of the same sweep join it, and no
#: transaction that began before the last message and ended after it is missed.
LAG_SECONDS = 5.0
#: After the closing date photos are still indexed for so long; then no messages are sent.
AFTER_CLOSING = timedelta(days=1)
#: The most browsers of one guest; the oldest are removed.
MOST_SUBSCRIPTIONS = 10


@dataclass(frozen=True, slots=True)
class Choices:
    """How a guest is notified."""

    mail: bool
    #: The number of browsers with push messages.
    browsers: int


@dataclass(frozen=True, slots=True)
class PendingNotification:
    """The photos of which a guest has not been notified yet."""

    guest_id: GuestId
    photos: int
    mail: bool
    notified_at: datetime | None


def mails(settings: Settings) -> bool:
    """Whether guests can be notified by mail: its links need FINDME_BASE_URL."""
    return settings.smtp_url is not None and settings.findme_base_url is not None


async def choices(conn: Connection, guest_id: GuestId) -> Choices:
    """Return how a guest is notified."""
    row = await conn.fetchrow(
        """
        select notify_mail as mail, (select count(*) from push_subscription
                                      where guest_id = guest.id) as browsers
          from guest where id = $1""",
        guest_id,
    )
    if row is None:
        raise NotFound
    return Choices(**row)


async def set_mail(conn: Connection, guest_id: GuestId, wanted: bool) -> None:
    """Switch a guest's mails on or off."""
    await conn.execute(
        """
        update guest set notify_mail = $2,
                         notified_at = case when $2 then now() else notified_at end
         where id = $1 and notify_mail <> $2""",
        guest_id,
        wanted,
    )


async def subscribe(
    conn: Connection, guest_id: GuestId, *, endpoint: str, p256dh: str, auth: str, language: str
) -> None:
    """Add a browser to which a guest's push messages go."""
    await conn.execute(
        """
        insert into push_subscription (guest_id, endpoint, p256dh, auth, language)
        values ($1, $2, $3, $4, $5)
        on conflict (guest_id, endpoint) do update
           set p256dh = excluded.p256dh, auth = excluded.auth, language = excluded.language""",
        guest_id,
        endpoint,
        p256dh,
        auth,
        language,
    )
    await conn.execute(
        """
        delete from push_subscription where id in (
            select id from push_subscription where guest_id = $1 order by id desc offset $2)""",
        guest_id,
        MOST_SUBSCRIPTIONS,
    )


async def unsubscribe(conn: Connection, guest_id: GuestId, endpoint: str) -> None:
    """Remove a browser of a guest."""
    await conn.execute(
        "delete from push_subscription where guest_id = $1 and endpoint = $2", guest_id, endpoint
    )


async def ask(conn: Connection, event_id: EventId, settings: Settings) -> None:
    """Enqueue notifications for the guests of an event with new photos, in the transaction.

    It reads the new photos of each guest who wants messages, and nothing if none does.
    """
    waiting = set(
        await conn.fetchval(
            """
            select coalesce(array_agg((payload->>'guest_id')::bigint), '{}') from job
             where event_id = $1 and kind = 'notify_guest' and state = 'queued'""",
            event_id,
        )
    )
    for news in await _look(conn, event_id, None, settings, lag=0.0):
        if news.guest_id not in waiting:
            await _ask_later(conn, event_id, news, settings)


async def mark_told(conn: Connection, guest_id: GuestId) -> None:
    """Count all photos as notified: the guest has just changed their selfies, and is looking."""
    await conn.execute(
        """
        update guest set notified_at = now() + make_interval(secs => $2)
         where id = $1 and (notify_mail or exists (
               select from push_subscription where guest_id = guest.id))""",
        guest_id,
        LAG_SECONDS,
    )


async def take(
    conn: Connection, event_id: EventId, guest_id: GuestId, settings: Settings
) -> PendingNotification | None:
    """Return the photos of which to notify a guest now, and record that; None if there are none.

    Within NOTIFY_MINUTES of the last message the notification is postponed to their end.
    """
    row = await conn.fetchrow(
        """
        select notified_at + make_interval(mins => $2) > now() as early
          from guest where id = $1 for update""",
        guest_id,
        settings.notify_minutes,
    )
    early = row is not None and row["early"]
    found = await _look(conn, event_id, guest_id, settings, lag=0.0 if early else LAG_SECONDS)
    if not found:
        return None
    if early:
        await _ask_later(conn, event_id, found[0], settings)
        return None
    await conn.execute("update guest set notified_at = now() where id = $1", guest_id)
    return found[0]


async def _look(
    conn: Connection,
    event_id: EventId,
    guest_id: GuestId | None,
    settings: Settings,
    *,
    lag: float,
) -> list[PendingNotification]:
    """Return what is new, older than *lag* seconds, for one guest or for all who want messages."""
    rows = await conn.fetch(
        """
        with wanting as (
            select guest.id, notified_at,
                   notify_mail and $3 and email_proven_at is not null as mail,
                   (select min(created_at) from push_subscription
                     where guest_id = guest.id) as push_since
              from guest join account on account.id = guest.account_id
             where event_id = $1 and ($2::bigint is null or guest.id = $2)),
        told as (
            select id, mail, notified_at,
                   greatest(notified_at, case when not mail then push_since end) as upto
              from wanting where mail or push_since is not null)
        select told.id as guest_id, photos, mail, notified_at
          from told join event on event.id = $1
               cross join lateral (
               select count(*) as photos from guest_photo
                where guest_id = told.id and shelf = 'sure' and not confirmed
                  and since <= now() - make_interval(secs => $4)
                  and (told.upto is null or since > told.upto - make_interval(secs => $5))) as news
         where photos > 0
           and (expires_at is null or expires_at > now())
           and (closes_at is null or closes_at + $6 > now())
            -- two that notify the same guests at once insert their jobs' keys in one order
         order by told.id""",
        event_id,
        guest_id,
        mails(settings),
        lag,
        LAG_SECONDS,
        AFTER_CLOSING,
    )
    return [
        PendingNotification(
            GuestId(row["guest_id"]), row["photos"], row["mail"], row["notified_at"]
        )
        for row in rows
    ]


async def _ask_later(
    conn: Connection, event_id: EventId, news: PendingNotification, settings: Settings
) -> None:
    delay = 2 * LAG_SECONDS
    if news.notified_at is not None:
        now: datetime = await conn.fetchval("select now()")
        pause = timedelta(minutes=settings.notify_minutes)
        delay = max(delay, (news.notified_at + pause - now).total_seconds())
    await queue.enqueue(
        conn,
        JobKind.NOTIFY_GUEST,
        label="new photos",
        event_id=event_id,
        payload={"guest_id": news.guest_id},
        delay=delay,
        dedupe=Dedupe(f"{JobKind.NOTIFY_GUEST}:{news.guest_id}"),
    )


async def subscriptions(conn: Connection, guest_id: GuestId) -> Sequence[int]:
    """Return the ids of a guest's browsers."""
    rows = await conn.fetch(
        "select id from push_subscription where guest_id = $1 order by id", guest_id
    )
    return [row["id"] for row in rows]


async def find_subscription(conn: Connection, subscription_id: int) -> Record | None:
    """Return a browser's endpoint, keys and language, and the event's id and name."""
    return await conn.fetchrow(
        """
        select endpoint, p256dh, auth, language, event.id as event_id, event.name as event
          from push_subscription join guest on guest.id = guest_id
               join event on event.id = guest.event_id
         where push_subscription.id = $1""",
        subscription_id,
    )


async def drop_subscription(conn: Connection, subscription_id: int) -> None:
    """Delete a browser that its push service no longer knows."""
    await conn.execute("delete from push_subscription where id = $1", subscription_id)


async def find_reader(conn: Connection, guest_id: GuestId) -> Record | None:
    """Return the email, language, event_id and event for a guest's mails; None if unwanted."""
    return await conn.fetchrow(
        """
        select email, coalesce(account.language, consent_language) as language,
               event.id as event_id, event.name as event
          from guest join account on account.id = guest.account_id
               join event on event.id = guest.event_id
         where guest.id = $1 and notify_mail and email_proven_at is not null""",
        guest_id,
    )
