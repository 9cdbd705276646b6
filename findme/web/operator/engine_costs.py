"""What the face engine's calls cost: of an event, and of the month."""

from aiohttp import web

from findme import db
from findme.gallery import events
from findme.models import EventId
from findme.operations import engine_usage
from findme.operations.engine_usage import Month
from findme.web.keys import FACES, POOL, admin
from findme.web.responses import json_answer, path_id


async def get_event_costs(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/costs."""
    admin(request)
    event_id = EventId(path_id(request))
    pool, meter = request.app[POOL], request.app[FACES].meter
    await engine_usage.flush(pool, meter)
    async with db.acquire(pool) as conn:
        event = await events.get(conn, event_id)
        months = await engine_usage.of_event(conn, event.id)
        counts = (await events.counts(conn, [event.id]))[event.id]
    usd = round(sum(month.usd for month in months), 4)
    seed_usd = engine_usage.seed_usd(counts.photos, counts.guests)
    return json_answer(
        {
            "calls": {
                name: sum(month.calls[name] for month in months)
                for name in sorted({name for month in months for name in month.calls})
            },
            "usd": usd,
            "paid": meter.paid,
            "photos": counts.photos,
            "guests": counts.guests,
            "seed_usd": seed_usd,
            "saved_usd": round(seed_usd - usd, 4),
            "by_month": [_month_json(month) for month in months],
        }
    )


async def get_costs(request: web.Request) -> web.Response:
    """GET /api/admin/costs."""
    admin(request)
    pool, meter = request.app[POOL], request.app[FACES].meter
    await engine_usage.flush(pool, meter)
    async with db.acquire(pool) as conn:
        month = await engine_usage.this_month(conn)
    return json_answer(
        {
            "month": month.month.strftime("%Y-%m"),
            "calls": dict(sorted(month.calls.items())),
            "spent_usd": month.usd,
            "budget_usd": meter.budget_usd,
            "paid": meter.paid,
            "paused": meter.paused,
        }
    )


def _month_json(month: Month) -> dict[str, object]:
    return {
        "month": month.month.strftime("%Y-%m"),
        "calls": dict(sorted(month.calls.items())),
        "usd": month.usd,
    }


ROUTES = [
    web.get("/api/admin/costs", get_costs),
    web.get("/api/admin/events/{id}/costs", get_event_costs),
]
