"""An event with labelled photos, which the real engine has indexed and matched."""

from tests.conftest import App
from tests.support.event_builder import EventBuilder
from tests.support.pictures import labelled


async def labelled_event(app: App, guests: list[str], files: list[str]) -> EventBuilder:
    """Let guests join, upload files of the labelled photos, and run all jobs."""
    builder = await EventBuilder.create(app)
    for name in guests:
        await builder.join(name)
    await builder.upload_labelled(*files)
    await app.drain()
    return builder


def two_guests() -> tuple[str, str, list[str]]:
    """Two people of the labelled set, the first on most photos, and the photos of both."""
    photos = labelled()
    by_count = sorted(
        photos.selfies, key=lambda name: -sum(name in who for who in photos.people.values())
    )
    one, two = by_count[:2]
    files = [path.name for path, who in photos.people.items() if one in who or two in who]
    return one, two, files
