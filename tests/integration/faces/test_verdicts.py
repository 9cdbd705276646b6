"""People have the last word: what a guest says wins, and outlives whatever the machine does."""

import pytest

from tests.conftest import App
from tests.support.labelled_event import Evening, evening, two_guests
from tests.support.pictures import labelled


@pytest.fixture
async def party(app: App) -> Evening:
    """Two guests and all photos of either."""
    one, two, files = two_guests()
    return await evening(app, [one, two], files)


def who() -> tuple[str, str]:
    one, two, _ = two_guests()
    return one, two


async def references(party: Evening, kind: str) -> int:
    count: int = await party.app.resources.pool.fetchval(
        "select count(*) from reference where kind = $1", kind
    )
    return count


async def test_not_me_puts_a_photo_aside_and_taking_it_back_shows_it_again(party: Evening) -> None:
    one, _ = who()
    photo = sorted(await party.shown(one))[0]

    await party.say(one, photo, "not-me")
    assert photo not in await party.shown(one) | await party.shown(one, "maybe")

    await party.say(one, photo, "not-me", method="DELETE")
    assert photo in await party.shown(one)


async def test_me_makes_a_photo_sure_and_taking_it_back_undoes_it(party: Evening) -> None:
    one, two = who()
    photo = sorted(await party.shown(two) - await party.shown(one))[0]

    await party.say(one, photo, "me")
    assert photo in await party.shown(one)

    await party.say(one, photo, "me", method="DELETE")
    assert photo not in await party.shown(one)


async def test_a_confirmed_face_finds_further_photos_until_it_is_taken_back(
    party: Evening,
) -> None:
    """One says that Two's face is theirs: Two's photos come, and go with the word."""
    one, two = who()
    before = await party.shown(one)
    alone = {path.name for path, names in labelled().people.items() if names == frozenset({two})}
    photo = sorted(alone & await party.shown(two))[0]

    await party.say(one, photo, "me")
    assert await references(party, "confirmed") == 1
    assert len(await party.shown(one) - before) > 1

    await party.say(one, photo, "me", method="DELETE")
    assert before == await party.shown(one)
    assert await references(party, "confirmed") == 0


async def test_a_word_survives_a_new_selfie(party: Evening) -> None:
    one, two = who()
    mine = sorted(await party.shown(one))
    wrong = sorted(await party.shown(two) - set(mine))[0]
    await party.say(one, mine[0], "not-me")
    await party.say(one, wrong, "me")

    answer = await party.put_selfie(one, labelled().selfies[one])
    assert answer.status == 200
    await party.app.drain()

    shown = await party.shown(one)
    assert mine[0] not in shown
    assert wrong in shown
    assert mine[1] in shown


async def test_a_word_survives_rematching(party: Evening) -> None:
    one, _ = who()
    mine = sorted(await party.shown(one))
    await party.say(one, mine[0], "not-me")
    pool = party.app.resources.pool
    await pool.execute("update face set covered_upto = 0")
    await pool.execute("update reference set covered_upto = 0")
    await pool.execute("delete from match")
    await party.ask_for_sweep()

    shown = await party.shown(one)
    assert mine[0] not in shown
    assert mine[1] in shown


async def test_nobody_says_a_word_on_a_photo_they_cannot_see(party: Evening) -> None:
    one, two = who()
    photo = party.photo_id(sorted(await party.shown(two) - await party.shown(one))[0])
    await party.app.client.patch(
        f"/api/admin/events/{party.event['id']}", json={"gallery": "own"}, headers=party.app.admin
    )
    for word in ("me", "not-me"):
        answer = await party.app.client.post(
            f"/api/photos/{photo}/{word}", headers=party.tokens[one]
        )
        assert answer.status == 404


async def test_a_face_of_another_photo_cannot_be_confirmed(party: Evening) -> None:
    one, _ = who()
    mine = sorted(await party.shown(one))
    face = await party.app.resources.pool.fetchval(
        "select id from face where photo_id = $1 limit 1", int(party.photo_id(mine[1]))
    )
    answer = await party.app.client.post(
        f"/api/photos/{party.photo_id(mine[0])}/me",
        json={"face_id": str(face)},
        headers=party.tokens[one],
    )
    assert answer.status == 404


async def test_an_expansion_depends_on_no_other_and_goes_with_not_me(party: Evening) -> None:
    pool = party.app.resources.pool
    assert await references(party, "expansion") > 0
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
    await party.say(row["name"], row["filename"], "not-me")

    left = await pool.fetchval(
        """
        select count(*) from reference join face on face.id = reference.face_id
         where face.photo_id = $1 and reference.guest_id = $2""",
        row["photo_id"],
        row["guest_id"],
    )
    assert left == 0
