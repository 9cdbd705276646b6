"""A search decides only what the engine has surely taken in by then."""

from findme import db
from findme.db import Connection, Pool
from findme.faces import box_matching, matching
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


async def test_faces_that_were_searched_before_wait_for_all_who_join_in_a_period(
    pool: Pool,
) -> None:
    """Where a search costs money: one for every face each time, and not one for each guest."""
    async with db.transaction(pool) as conn:
        event_id = (await add_gala(conn)).id
        await age(conn, await add_reference(conn, event_id, 1), 3600)
        await add_photo(conn, event_id, 1, ["searched before"])
        await conn.execute("update face set covered_upto = 1")
        await add_photo(conn, event_id, 2, ["new"])
        await conn.execute("update face set engine_face_id = null")
        await age(conn, await add_reference(conn, event_id, 2), 1800)
        await add_reference(conn, event_id, 3)
        edge = await matching.horizon(conn, event_id, settle=0.0)

        found = {}
        for period in (900.0, 0.0):
            again = await box_matching.again_upto(conn, event_id, period=period)
            photos = await box_matching.open_photos(conn, event_id, edge, again=again, limit=9)
            left = await box_matching.what_is_left(conn, event_id, edge, again=again)
            found[period] = (again, len(photos), left.due, left.waiting)

    # the second guest's turn has come, the third's has not
    assert found[900.0] == (2, 2, True, True)
    assert found[0.0] == (3, 2, True, False)
