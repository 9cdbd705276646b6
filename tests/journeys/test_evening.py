"""An event's life, on real photographs, through HTTP."""

from tests.conftest import App
from tests.support.helpers import join, make_event, upload
from tests.support.pictures import labelled


async def test_each_guest_gets_the_photos_they_are_in(app: App) -> None:
    """At most 1 % of the pairs shown are wrong; at least 85 % of the true ones are found."""
    photos = labelled()
    event = await make_event(app)
    guests = {
        name: await join(app, event, path.read_bytes(), f"{name}@example.org")
        for name, path in photos.selfies.items()
    }
    names: dict[str, str] = {}
    for path in photos.people:
        verdict = await upload(app, event, path.name, path.read_bytes())
        names[verdict["photo_id"]] = path.name

    await app.drain()

    shown = {
        (name, names[photo["id"]])
        for name, guest in guests.items()
        for photo in await (
            await app.client.get(
                "/api/my-photos",
                params={"event": event["id"], "limit": "1000"},
                headers=guest,
            )
        ).json()
    }
    assert len(shown - photos.pairs) <= 0.01 * len(shown)
    assert len(shown & photos.pairs) >= 0.85 * len(photos.pairs)
