"""People have the last word: what a guest says wins, and outlives whatever the machine does."""

import pytest

from tests.conftest import App
from tests.support.event_builder import EventBuilder
from tests.support.labelled_event import labelled_event, two_guests
from tests.support.pictures import labelled


@pytest.fixture
async def builder(app: App) -> EventBuilder:
    """Two guests and all photos of either."""
    one, two, files = two_guests()
    return await labelled_event(app, [one, two], files)


def who() -> tuple[str, str]:
    one, two, _ = two_guests()
    return one, two


async def references(builder: EventBuilder, kind: str) -> int:
    count: int = await builder.app.resources.pool.fetchval(
        "select count(*) from reference where kind = $1", kind
    )
    return count


async def test_not_me_puts_a_photo_aside_and_taking_it_back_shows_it_again(
    builder: EventBuilder,
) -> None:
    one, _ = who()
    photo = sorted(await builder.guest_filenames(one))[0]

    await builder.send_verdict(one, photo, "not-me")
    assert photo not in await builder.guest_filenames(one) | await builder.guest_filenames(
        one, "maybe"
    )

    await builder.send_verdict(one, photo, "not-me", method="DELETE")
    assert photo in await builder.guest_filenames(one)


async def test_me_makes_a_photo_sure_and_taking_it_back_undoes_it(builder: EventBuilder) -> None:
    one, two = who()
    photo = sorted(await builder.guest_filenames(two) - await builder.guest_filenames(one))[0]

    await builder.send_verdict(one, photo, "me")
    assert photo in await builder.guest_filenames(one)

    await builder.send_verdict(one, photo, "me", method="DELETE")
    assert photo not in await builder.guest_filenames(one)


async def test_a_confirmed_face_is_searched_on_until_it_is_taken_back(
    builder: EventBuilder,
) -> None:
    one, _ = who()
    before = await builder.guest_filenames(one)
    photo = sorted(before)[0]

    await builder.send_verdict(one, photo, "me")
    assert await references(builder, "confirmed") == 1
    assert before <= await builder.guest_filenames(one)

    await builder.send_verdict(one, photo, "me", method="DELETE")
    assert before == await builder.guest_filenames(one)
    assert await references(builder, "confirmed") == 0


async def test_somebody_elses_face_brings_its_photo_and_no_other(builder: EventBuilder) -> None:
    one, two = who()
    before = await builder.guest_filenames(one)
    alone = {path.name for path, names in labelled().people.items() if names == frozenset({two})}
    photo = sorted(alone & await builder.guest_filenames(two) - before)[0]

    await builder.send_verdict(one, photo, "me")

    assert await references(builder, "confirmed") == 0
    assert await builder.guest_filenames(one) == before | {photo}


async def test_a_word_survives_a_new_selfie(builder: EventBuilder) -> None:
    one, two = who()
    mine = sorted(await builder.guest_filenames(one))
    wrong = sorted(await builder.guest_filenames(two) - set(mine))[0]
    await builder.send_verdict(one, mine[0], "not-me")
    await builder.send_verdict(one, wrong, "me")

    answer = await builder.put_selfie(one, labelled().selfies[one].read_bytes())
    assert answer.status == 200
    await builder.app.drain()

    shown = await builder.guest_filenames(one)
    assert mine[0] not in shown
    assert wrong in shown
    assert mine[1] in shown


async def test_a_word_survives_rematching(builder: EventBuilder) -> None:
    one, _ = who()
    mine = sorted(await builder.guest_filenames(one))
    await builder.send_verdict(one, mine[0], "not-me")
    pool = builder.app.resources.pool
    await pool.execute("update face set covered_upto = 0")
    await pool.execute("update reference set covered_upto = 0")
    await pool.execute("delete from match")
    await builder.sweep()

    shown = await builder.guest_filenames(one)
    assert mine[0] not in shown
    assert mine[1] in shown


async def test_nobody_says_a_word_on_a_photo_they_cannot_see(builder: EventBuilder) -> None:
    one, two = who()
    photo = builder.photo_id(
        sorted(await builder.guest_filenames(two) - await builder.guest_filenames(one))[0]
    )
    await builder.app.client.patch(
        f"/api/admin/events/{builder.event['id']}",
        json={"gallery": "own"},
        headers=builder.app.admin,
    )
    for word in ("me", "not-me"):
        answer = await builder.app.client.post(
            f"/api/photos/{photo}/{word}", headers=builder.headers(one)
        )
        assert answer.status == 404


async def test_a_face_of_another_photo_cannot_be_confirmed(builder: EventBuilder) -> None:
    one, _ = who()
    mine = sorted(await builder.guest_filenames(one))
    face = await builder.app.resources.pool.fetchval(
        "select id from face where photo_id = $1 limit 1", int(builder.photo_id(mine[1]))
    )
    answer = await builder.app.client.post(
        f"/api/photos/{builder.photo_id(mine[0])}/me",
        json={"face_id": str(face)},
        headers=builder.headers(one),
    )
    assert answer.status == 404


async def test_an_expansion_depends_on_no_other_and_goes_with_not_me(builder: EventBuilder) -> None:
    pool = builder.app.resources.pool
    assert await references(builder, "expansion") > 0
    # an expansion's own face counts as its parent found it, not as identical
    own = await pool.fetchval("""
        select count(*) from match join reference on reference.id = match.reference_id
         where reference.kind = 'expansion' and reference.face_id = match.face_id""")
    assert own == 0
    drifting = await pool.fetchval("""
        select count(*) from reference join reference as parent on parent.id = reference.parent_id
         where parent.kind = 'expansion'""")
    assert drifting == 0

    row = await pool.fetchrow("""
        select photo.filename, face.photo_id, reference.guest_id, account.name from reference
          join face on face.id = reference.face_id join photo on photo.id = face.photo_id
          join guest on guest.id = reference.guest_id
          join account on account.id = guest.account_id
         where reference.kind = 'expansion' limit 1""")
    assert row is not None
    await builder.send_verdict(row["name"].removeprefix("Person "), row["filename"], "not-me")

    left = await pool.fetchval(
        """
        select count(*) from reference join face on face.id = reference.face_id
         where face.photo_id = $1 and reference.guest_id = $2""",
        row["photo_id"],
        row["guest_id"],
    )
    assert left == 0
