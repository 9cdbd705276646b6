"""Sample events: for `findme demo`, and for the screenshots of the documents.

No engine sees the drawn photos, so the rows say what it would have found.
"""

import asyncio
import secrets
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from findme import db
from findme.accounts import auth
from findme.db import Connection, Pool
from findme.demo import pictures, rows
from findme.embedded.postgres import join_postgres
from findme.errors import StartError
from findme.gallery import events
from findme.models import EventId, EventKind, Gallery, Role, UserId
from findme.settings import Settings

#: Addresses that cannot exist (RFC 2606).
DOMAIN = "demo.example"


class DemoRefused(StartError):
    """The demo cannot be made."""


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo's addresses and accounts."""

    #: The event with the most photos.
    event_id: EventId
    code: str
    admin_email: str
    guest_email: str
    password: str
    photos: int


async def fill(
    pool: Pool,
    *,
    photos: int = 120,
    password: str | None = None,
    now: datetime | None = None,
    force: bool = False,
) -> Demo:
    """Make the demo's events, with at most *photos* photos in the large one.

    DemoRefused if the demo exists or the database holds events, unless *force*; the accounts of
    another demo get addresses of their own.
    """
    async with db.acquire(pool) as conn:
        made_before = await conn.fetchval(
            "select count(*) from account where email like 'admin%@' || $1", DOMAIN
        )
        if made_before and not force:
            raise DemoRefused("The demo exists already: --force makes another one.")
        if not force and await conn.fetchval("select exists (select from event)"):
            raise DemoRefused("The database holds events: --force adds the demo to them.")
    password = password or secrets.token_urlsafe(9)
    now = now or datetime.now(UTC)
    suffix = str(made_before + 1) if made_before else ""
    evening = _last_evening(now)
    gala_evening = evening - timedelta(days=14)
    wedding = await asyncio.to_thread(pictures.read_wedding, photos)
    gala = await asyncio.to_thread(pictures.read_gala, 2 + photos // 6)
    selfies = await asyncio.to_thread(pictures.read_selfies)
    cast = pictures.cast()
    async with db.transaction(pool) as conn:
        await _account(conn, "Admin", f"admin{suffix}@{DOMAIN}", password, Role.ADMIN)
        users = [
            await _account(conn, name, _email(name, suffix), password, Role.GUEST) for name in cast
        ]
        first = await _event(
            conn, "Inès & Malik", evening, now + timedelta(days=30), "everyone", EventKind.WEDDING
        )
        await rows.store(conn, first, wedding, users, selfies, [0, 2, 3, 5, 6, 7, 9], evening)
        await rows.damaged(conn, first, evening)
        second = await _event(
            conn, "Gala des anciens", gala_evening, now + timedelta(days=2), "own", EventKind.PARTY
        )
        await rows.store(conn, second, gala, users, selfies, [0, 3, 5], gala_evening)
        await _event(
            conn,
            "Fête du quartier",
            now + timedelta(days=6),
            now + timedelta(days=60),
            "everyone",
            EventKind.OTHER,
        )
        code = (await events.get(conn, first)).code
    return Demo(
        first, code, f"admin{suffix}@{DOMAIN}", _email(cast[0], suffix), password, len(wedding)
    )


async def make(settings: Settings, *, force: bool) -> Demo:
    """Fill the settings' database, that of a running service too; DemoRefused as `fill`."""
    async with AsyncExitStack() as stack:
        dsn = settings.database_url
        if dsn is None:
            dsn = await stack.enter_async_context(join_postgres(settings.findme_data_dir))
        pool = await stack.enter_async_context(db.open_pool(dsn, min_size=1, max_size=2))
        async with db.acquire(pool) as conn:
            await db.migrate(conn)
        return await fill(pool, force=force)


def _last_evening(now: datetime) -> datetime:
    """Return 16:00 UTC of the last Saturday before today."""
    day = now - timedelta(days=(now.weekday() - 5) % 7 or 7)
    return day.replace(hour=16, minute=0, second=0, microsecond=0)


def _email(name: str, suffix: str) -> str:
    plain = name.lower().translate(str.maketrans("èïéç", "eiec"))
    return f"{plain}{suffix}@{DOMAIN}"


async def _account(conn: Connection, name: str, email: str, password: str, role: Role) -> UserId:
    password_hash = await auth.hash_password(password)
    return await auth.create_account(
        conn, name=name, email=email, password_hash=password_hash, role=role
    )


async def _event(
    conn: Connection,
    name: str,
    starts_at: datetime,
    expires_at: datetime,
    gallery: str,
    kind: EventKind,
) -> EventId:
    event = await events.create(
        conn,
        name=name,
        starts_at=starts_at,
        expires_at=expires_at,
        gallery=Gallery(gallery),
        join_open=True,
    )
    return (await events.update(conn, replace(event, kind=kind))).id
