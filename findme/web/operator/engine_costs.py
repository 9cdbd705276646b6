"""The costs of the face engine's calls: of an event, and of the month."""

from typing import Annotated, Literal, TypeAlias

from aiohttp import web
from msgspec import Meta, Struct

from findme import db
from findme.gallery import event_figures, events
from findme.models import EventId
from findme.operations import engine_usage
from findme.operations.engine_usage import Month
from findme.web.keys import FACES, POOL, admin
from findme.web.openapi.route import Tag, Who, get, ok
from findme.web.responses import json_answer, path_id

Calls: TypeAlias = Annotated[dict[str, int], Meta(description="Calls by operation.")]
MonthName: TypeAlias = Annotated[str, Meta(description="As 2026-11, in UTC.")]
Paid: TypeAlias = Annotated[bool, Meta(description="Whether the engine in use charges.")]


class MonthOfEvent(Struct, frozen=True):
    """The calls of one month for one event."""

    month: MonthName
    calls: Calls
    usd: float


class EventCosts(Struct, frozen=True):
    """The cost of the calls for one event so far."""

    calls: Calls
    usd: Annotated[float, Meta(description="What they cost, at 0.001 for each that is charged.")]
    paid: Paid
    photos: int
    guests: int
    seed_usd: Annotated[
        float, Meta(description="What 1 call for each guest and 9.1 for each photo would cost.")
    ]
    saved_usd: Annotated[float, Meta(description="The difference.")]
    by_month: list[MonthOfEvent]


class MonthCosts(Struct, frozen=True):
    """The cost of this month's calls so far."""

    month: MonthName
    calls: Calls
    spent_usd: Annotated[float, Meta(description="Of all events, deleted ones too.")]
    budget_usd: Annotated[float | None, Meta(description="REKOGNITION_MONTHLY_BUDGET_USD.")]
    paid: Paid
    paused: Annotated[Literal["budget"] | None, Meta(description="Why paid calls wait.")]


async def get_event_costs(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/costs."""
    admin(request)
    event_id = EventId(path_id(request))
    pool, meter = request.app[POOL], request.app[FACES].meter
    await engine_usage.flush(pool, meter)
    async with db.acquire(pool) as conn:
        event = await events.get(conn, event_id)
        months = await engine_usage.of_event(conn, event.id)
        counts = (await event_figures.counts(conn, [event.id]))[event.id]
    usd = round(sum(month.usd for month in months), 4)
    seed_usd = engine_usage.seed_usd(counts.photos, counts.guests)
    return json_answer(
        EventCosts(
            calls={
                name: sum(month.calls[name] for month in months)
                for name in sorted({name for month in months for name in month.calls})
            },
            usd=usd,
            paid=meter.paid,
            photos=counts.photos,
            guests=counts.guests,
            seed_usd=seed_usd,
            saved_usd=round(seed_usd - usd, 4),
            by_month=[
                MonthOfEvent(_name(month), dict(sorted(month.calls.items())), month.usd)
                for month in months
            ],
        )
    )


async def get_costs(request: web.Request) -> web.Response:
    """GET /api/admin/costs."""
    admin(request)
    pool, meter = request.app[POOL], request.app[FACES].meter
    await engine_usage.flush(pool, meter)
    async with db.acquire(pool) as conn:
        month = await engine_usage.this_month(conn)
    return json_answer(
        MonthCosts(
            month=_name(month),
            calls=dict(sorted(month.calls.items())),
            spent_usd=month.usd,
            budget_usd=meter.budget_usd,
            paid=meter.paid,
            paused=meter.paused,
        )
    )


def _name(month: Month) -> str:
    return month.month.strftime("%Y-%m")


ROUTES = [
    get(
        "/api/admin/costs",
        get_costs,
        "What the face engine's calls of this month cost",
        ok(MonthCosts, "So far."),
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/events/{id}/costs",
        get_event_costs,
        "What the face engine's calls for an event cost",
        ok(EventCosts, "So far."),
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
]
