"""An event's life, on real photographs, through HTTP, by the real engine: whose, and by person."""

from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import pytest

from tests.conftest import App
from tests.support.helpers import join, make_event, upload
from tests.support.pictures import Labelled, labelled


async def send_all(app: App, event: dict[str, Any], photos: Labelled) -> dict[str, str]:
    """Upload the labelled photos; return their names by id."""
    names = {}
    for path in photos.people:
        verdict = await upload(app, event, path.name, path.read_bytes())
        names[verdict["photo_id"]] = path.name
    await app.drain()
    return names


async def groups(app: App, event: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await app.client.get(
        f"/api/admin/events/{event['id']}/group-faces?limit=1000&hidden=1", headers=app.admin
    )
    assert answer.status == 200
    found: list[dict[str, Any]] = await answer.json()
    return found


def judged(
    found: list[dict[str, Any]], names: dict[str, str], photos: Labelled
) -> tuple[float, float]:
    """Return the precision and the recall of the pairs of faces that share a group.

    Labels say who is on a photo, not which face it is: a group is of the person who is on most of
    its photos, and a pair is right where that person is on both, which are two photos.
    """
    # two files of one shot, which differ in how it is turned, show the same strangers
    people = {
        path.name: who or {path.stem.removesuffix("-exif6")} for path, who in photos.people.items()
    }
    given = right = known = 0
    for group in found:
        shown = [names[photo["id"]] for photo in group["photos"]]
        votes = Counter(name for photo in shown for name in people[photo])
        person = votes.most_common(1)[0][0] if votes else None
        for one, other in combinations(shown, 2):
            fits = one != other and person in people[one] & people[other]
            given += 1
            right += fits
            known += fits and person in photos.selfies
    times = Counter(name for who in photos.people.values() for name in who)
    there = sum(number * (number - 1) // 2 for number in times.values())
    return right / given if given else 1.0, known / there if there else 1.0


async def check_guests(
    app: App,
    event: dict[str, Any],
    guests: Mapping[str, Mapping[str, str]],
    names: Mapping[str, str],
    photos: Labelled,
) -> None:
    """Fail unless each guest gets the photos they are in.

    At most 1 % of the pairs shown are wrong; at least 85 % of the true ones are found.
    """
    asked = {"event": event["id"], "limit": "1000"}
    shown = {
        (name, names[photo["id"]])
        for name, guest in guests.items()
        for photo in await (
            await app.client.get("/api/my-photos", params=asked, headers=guest)
        ).json()
    }
    assert len(shown - photos.pairs) <= 0.01 * len(shown)
    assert len(shown & photos.pairs) >= 0.85 * len(photos.pairs)


@pytest.mark.parametrize("guests", [False, True], ids=["nobody joined", "everybody joined"])
async def test_guests_get_the_photos_they_are_in_and_groups_are_of_one_person(
    app: App, guests: bool
) -> None:
    """At least 98 % of the pairs of faces that share a group are of one person."""
    photos = labelled()
    event = await make_event(app)
    joined = {
        name: await join(app, event, path.read_bytes(), f"{name}@example.org")
        for name, path in (photos.selfies.items() if guests else ())
    }
    names = await send_all(app, event, photos)
    if guests:
        await check_guests(app, event, joined, names, photos)
    before = app.resources.faces.meter.calls["SearchFaces"]

    await groups(app, event)
    # more strangers than one request searches for: a job does the rest
    await app.drain()
    found = await groups(app, event)

    calls = app.resources.faces.meter.calls["SearchFaces"] - before
    precision, recall = judged(found, names, photos)
    print(f"precision {precision:.4f} recall {recall:.4f} groups {len(found)} calls {calls}")
    assert precision >= 0.98
    assert recall >= 0.7
    faces = sum(group["size"] for group in found)
    assert calls <= faces
    if guests:
        assert calls <= faces - 0.5 * len(photos.pairs)
    assert faces >= 0.9 * len(photos.pairs)
