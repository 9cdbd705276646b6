"""A search decides only what the engine has surely taken in by then."""

from findme import db
from findme.db import Connection, Pool
from findme.faces import matching
from tests.support.face_rows import add_photo, add_reference
from tests.support.helpers import add_gala

FRESH, OLD = 0.0, 60.0


async def age(conn: Connection, vector: str, seconds: float) -> None:
    """Let a reference have been indexed so long ago."""
    await conn.execute(
        """
        update reference set indexed_at = clock_timestamp() - make_interval(secs => $2)
         where engine_face_id = $1""",
        vector,
        seconds,
    )


async def test_an_old_vector_that_became_a_reference_late_settles_no_fresh_one(pool: Pool) -> None:
    """A confirmed face has a late number and an early vector; a selfie between is not settled."""
    async with db.transaction(pool) as conn:
        event_id = (await add_gala(conn)).id
        for person, seconds in enumerate((OLD, FRESH, OLD)):
            await age(conn, await add_reference(conn, event_id, person), seconds)
        await add_photo(conn, event_id, 1, ["00000000-0000-0000-0000-000000000001"])
        await conn.execute("update face set indexed_at = indexed_at - interval '1 minute'")

        edge = await matching.horizon(conn, event_id, settle=5.0)
        plan = await matching.plan_sweep(conn, event_id, settle=5.0)

    assert (edge.face, edge.reference) == (1, 1)
    assert plan.unsettled


async def test_without_a_margin_everything_is_settled(pool: Pool) -> None:
    async with db.transaction(pool) as conn:
        event_id = (await add_gala(conn)).id
        for person in range(3):
            await add_reference(conn, event_id, person)

        edge = await matching.horizon(conn, event_id, settle=0.0)

    assert (edge.face, edge.reference) == (0, 3)
