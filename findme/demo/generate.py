"""Events to look around in: `findme demo`, and the pictures of the documents.

Everything is drawn or made up: no engine sees these photos, so what it would have found is written
down by hand.
"""

import asyncio
import random
import secrets
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from findme import db
from findme.accounts import auth
from findme.db import Connection, Pool
from findme.demo import drawing, rows
from findme.demo.characters import CAST
from findme.demo.rows import Made, Shot
from findme.embedded.postgres import join_postgres
from findme.errors import StartError
from findme.gallery import events
from findme.media import images
from findme.models import EventId, Gallery, Role, UserId
from findme.settings import Settings

#: Addresses that cannot exist (RFC 2606).
DOMAIN = "demo.example"
#: Pictures at a time, in threads.
AT_A_TIME = 2
_SIZES = ((1200, 800), (1200, 800), (800, 1200), (1200, 900), (900, 900), (1440, 810))
#: Where the evening goes on until which share of it; a place named twice is likelier.
_COURSE = (
    (0.18, ("garden", "garden", "terrace")),
    (0.34, ("terrace", "terrace", "garden", "hall")),
    (0.42, ("confetti", "confetti", "terrace")),
    (0.55, ("dusk", "dusk", "hall", "terrace")),
    (0.74, ("hall", "hall", "dusk")),
    (1.0, ("dance", "dance", "hall", "confetti")),
)


class DemoRefused(StartError):
    """The demo is not made."""


@dataclass(frozen=True, slots=True)
class Demo:
    """Where to look around, and as whom."""

    #: The evening with the photos.
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
    """Make the demo's events with *photos* photos in the large one, in some ten seconds.

    DemoRefused where it was made before, or where the database holds events, unless *force*; the
    accounts then get addresses of their own.
    """
    async with db.acquire(pool) as conn:
        made_before = await conn.fetchval(
            "select count(*) from account where email like 'admin%@' || $1", DOMAIN
        )
        if made_before and not force:
            raise DemoRefused("The demo is there already: --force makes another one.")
        if not force and await conn.fetchval("select exists (select from event)"):
            raise DemoRefused("The database holds events: --force adds the demo to them.")
    password = password or secrets.token_urlsafe(9)
    now = now or datetime.now(UTC)
    suffix = str(made_before + 1) if made_before else ""
    evening = _last_evening(now)
    wedding = await asyncio.to_thread(_draw, _shots(1, evening, 8.0, photos, range(len(CAST))))
    gala = await asyncio.to_thread(
        _draw, _shots(2, evening - timedelta(days=14), 5.0, 2 + photos // 6, (0, 3, 5, 7, 8))
    )
    selfies = await asyncio.to_thread(lambda: [drawing.draw_selfie(n) for n in range(len(CAST))])
    async with db.transaction(pool) as conn:
        await _account(conn, "Admin", f"admin{suffix}@{DOMAIN}", password, Role.ADMIN)
        users = [
            await _account(conn, looks.name, _email(looks.name, suffix), password, Role.GUEST)
            for looks in CAST
        ]
        first = await _event(conn, "Inès & Malik", evening, now + timedelta(days=30), "everyone")
        await rows.store(conn, first, wedding, users, selfies, [0, 2, 3, 5, 6, 7, 9], evening)
        await rows.damaged(conn, first, evening)
        second = await _event(
            conn,
            "Gala des anciens",
            evening - timedelta(days=14),
            now + timedelta(days=2),
            "own",
        )
        await rows.store(
            conn, second, gala, users, selfies, [0, 3, 5], evening - timedelta(days=14)
        )
        await _event(
            conn, "Fête du quartier", now + timedelta(days=6), now + timedelta(days=60), "everyone"
        )
        code = (await events.get(conn, first)).code
    return Demo(
        first, code, f"admin{suffix}@{DOMAIN}", _email(CAST[0].name, suffix), password, len(wedding)
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
    """Return 16:00 UTC of the last Saturday that is over."""
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
    conn: Connection, name: str, starts_at: datetime, expires_at: datetime, gallery: str
) -> EventId:
    event = await events.create(
        conn,
        name=name,
        starts_at=starts_at,
        expires_at=expires_at,
        gallery=Gallery(gallery),
        join_open=True,
    )
    return event.id


# Photos -------------------------------------------------------------------------------------------


def _shots(
    seed: int, start: datetime, hours: float, count: int, people: Sequence[int]
) -> list[Shot]:
    """Plan an evening's photos in bursts, as photographers take them."""
    chance = random.Random(seed)  # noqa: S311  # a drawing
    moments = sorted(chance.triangular(0, 1, 0.6) for _ in range(count))
    shots = []
    for number, moment in enumerate(moments):
        place = chance.choice(next(places for until, places in _COURSE if moment <= until))
        # the first guest is on a good third of all photos: the demo is looked at as her
        group = chance.sample([*people], chance.choice((0, 1, 2, 2, 2, 3, 3, 4, 5)))
        if group and chance.random() < 0.22 and 0 in people and 0 not in group:
            group[chance.randrange(len(group))] = 0
        size = chance.choice(_SIZES if len(group) < 4 else (_SIZES[0], _SIZES[5]))
        taken = start + timedelta(hours=hours * moment, seconds=chance.randrange(50))
        shots.append(Shot(1000 * seed + number, place, group, size, taken))
    return shots


def _draw(shots: Sequence[Shot]) -> list[Made]:
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="demo") as threads,
    ):
        return [*threads.map(lambda shot: _draw_one(shot, Path(folder)), shots)]


def _draw_one(shot: Shot, folder: Path) -> Made:
    seated = shot.place == "hall" and shot.seed % 3 == 0 and bool(shot.people)
    drawn = drawing.draw_group(shot.seed, shot.place, shot.people, *shot.size, table=seated)
    path = folder / f"{shot.seed}.jpg"
    path.write_bytes(drawn.jpeg)
    return Made(shot, drawn, images.render(path, 100_000_000))
