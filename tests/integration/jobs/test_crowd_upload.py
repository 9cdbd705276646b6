"""A crowd on a large photo is looked at once more from close by, on its way through the service."""

import io

from PIL import Image

from tests.conftest import App
from tests.support.labelled_event import labelled_event
from tests.support.pictures import labelled

HEADS = 40


def crowd() -> bytes:
    """A 24-megapixel picture of many small heads, some 30 to 70 px a face."""
    head = Image.open(next(iter(labelled().selfies.values()))).convert("RGB").resize((180, 180))
    hall = Image.new("RGB", (6000, 4000), "#8b8178")
    for number in range(HEADS):
        hall.paste(head, (300 + number % 10 * 550, 500 + number // 10 * 800))
    out = io.BytesIO()
    hall.save(out, "JPEG", quality=90)
    return out.getvalue()


async def test_a_crowd_is_looked_at_from_close_by_and_keeps_no_vector_of_the_first_look(
    app: App,
) -> None:
    builder = await labelled_event(app, [], [])
    answer = await app.client.post(
        f"/api/events/{builder.event['id']}/photos",
        params={"filename": "hall.jpg"},
        data=io.BytesIO(crowd()),
        headers={**app.admin, "Content-Type": "image/jpeg"},
    )
    assert answer.status == 202
    await app.drain()

    pool, faces = app.resources.pool, app.resources.faces
    kept = await pool.fetchval("select count(*) from face")
    collection = await pool.fetchval("select collection_id from event")
    assert faces.meter.calls["IndexFaces"] == 2
    assert kept >= 0.9 * HEADS
    assert await faces.face_count(collection) == kept
