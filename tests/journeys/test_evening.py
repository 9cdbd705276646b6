"""An event's life, on real photographs, through HTTP."""

import io

import aiohttp

from tests.conftest import App
from tests.pictures import labelled


async def test_each_guest_gets_the_photos_they_are_in(app: App) -> None:
    """At most 1 % of the pairs shown are wrong; at least 85 % of the true ones are found."""
    photos = labelled()
    event = await (
        await app.client.post("/api/admin/events", json={"name": "Gala"}, headers=app.admin)
    ).json()
    tokens: dict[str, str] = {}
    for name, path in photos.selfies.items():
        form = aiohttp.FormData()
        for field, value in {
            "name": name,
            "email": f"{name}@example.org",
            "password": "a long password",
            "consent": "yes",
        }.items():
            form.add_field(field, value)
        form.add_field("selfie", io.BytesIO(path.read_bytes()), filename="selfie.jpg")
        answer = await app.client.post(f"/api/events/{event['code']}/join", data=form)
        assert answer.status == 201, (name, await answer.text())
        app.client.session.cookie_jar.clear()
        tokens[name] = (await answer.json())["token"]
    names: dict[str, str] = {}
    for path in photos.people:
        answer = await app.client.post(
            f"/api/events/{event['id']}/photos",
            params={"filename": path.name},
            data=io.BytesIO(path.read_bytes()),
            headers={**app.admin, "Content-Type": "image/jpeg"},
        )
        assert answer.status == 202
        names[(await answer.json())["results"][0]["photo_id"]] = path.name

    await app.drain()

    shown = {
        (name, names[photo["id"]])
        for name, token in tokens.items()
        for photo in await (
            await app.client.get(
                "/api/my-photos",
                params={"event": event["id"], "limit": "1000"},
                headers={"Authorization": f"Bearer {token}"},
            )
        ).json()
    }
    assert len(shown - photos.pairs) <= 0.01 * len(shown)
    assert len(shown & photos.pairs) >= 0.85 * len(photos.pairs)
