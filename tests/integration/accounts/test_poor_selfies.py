"""A poor selfie is accepted with advice, and never takes the place of a good one."""

import io
from typing import Any

from PIL import Image, ImageEnhance

from tests.conftest import App
from tests.support.helpers import ask_to_join, bearer, make_event, selfie_form, selfie_of
from tests.support.pictures import drawn


def dark(picture: bytes) -> bytes:
    """Return the picture in an eighth of the light."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as opened:
        ImageEnhance.Brightness(opened.convert("RGB")).enhance(0.125).save(out, "JPEG", quality=92)
    return out.getvalue()


async def selfies(app: App, event: dict[str, Any], headers: dict[str, str]) -> list[dict[str, Any]]:
    answer = await app.client.get(f"/api/me/events/{event['id']}/selfies", headers=headers)
    found: list[dict[str, Any]] = await answer.json()
    return found


async def replace(
    app: App, event: dict[str, Any], headers: dict[str, str], picture: bytes
) -> tuple[int, dict[str, Any]]:
    answer = await app.client.put(
        f"/api/me/events/{event['id']}/selfie", data=selfie_form(picture), headers=headers
    )
    found: dict[str, Any] = await answer.json()
    await app.drain()
    return answer.status, found


async def test_a_dark_selfie_lets_its_guest_in_with_advice(app: App) -> None:
    event = await make_event(app)

    answer = await ask_to_join(app, event["code"], dark(selfie_of()))

    assert answer.status == 201, await answer.text()
    body = await answer.json()
    assert body["selfie"] == {"status": "accepted", "advice": ["dark"]}
    kept = await selfies(app, event, bearer(body["token"]))
    assert [selfie["advice"] for selfie in kept] == [["dark"]]


async def test_a_better_selfie_takes_the_place_of_a_poor_one(app: App) -> None:
    event = await make_event(app)
    answer = await ask_to_join(app, event["code"], dark(selfie_of()))
    headers = bearer((await answer.json())["token"])
    await app.drain()

    status, body = await replace(app, event, headers, selfie_of())

    assert (status, body["selfie"]) == (200, {"status": "accepted"})
    assert [selfie["advice"] for selfie in await selfies(app, event, headers)] == [[]]


async def test_a_poor_selfie_is_searched_beside_a_good_one(app: App) -> None:
    event = await make_event(app)
    answer = await ask_to_join(app, event["code"], selfie_of())
    headers = bearer((await answer.json())["token"])
    await app.drain()

    status, body = await replace(app, event, headers, dark(selfie_of()))

    assert (status, body["selfie"]["advice"]) == (200, ["dark"])
    assert [selfie["advice"] for selfie in await selfies(app, event, headers)] == [["dark"], []]


async def test_a_refused_selfie_leaves_the_last_good_one(app: App) -> None:
    event = await make_event(app)
    answer = await ask_to_join(app, event["code"], selfie_of())
    headers = bearer((await answer.json())["token"])
    await app.drain()

    status, body = await replace(app, event, headers, drawn(3))

    assert (status, body["code"]) == (422, "no_face")
    assert [selfie["status"] for selfie in await selfies(app, event, headers)] == ["accepted"]
