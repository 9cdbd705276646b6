"""An event's live stream, read as a page reads it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse

from findme.models import EventId
from tests.conftest import App


@dataclass
class Heard:
    """One message."""

    id: str
    name: str
    data: dict[str, Any]


class Stream:
    """An open stream, message by message."""

    def __init__(self, answer: ClientResponse) -> None:
        self.answer = answer

    async def next(self) -> Heard | None:
        """Return the next message; None where the stream has ended."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(30):
            async for line in self.answer.content:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "data":
                    return Heard(fields["id"], fields["event"], json.loads(value))
                fields[name] = value
        return None

    async def until(self, **numbers: object) -> list[Heard]:
        """Return what is heard up to the progress that shows these numbers."""
        heard = []
        while message := await self.next():
            heard.append(message)
            if message.name == "progress" and numbers.items() <= message.data.items():
                return heard
        raise AssertionError(f"the stream ended before {numbers}: {heard}")

    async def photos(self, **numbers: object) -> list[tuple[str, bool]]:
        """Return the photos among them, and whether they show the guest."""
        return [
            (message.data["id"], message.data["mine"])
            for message in await self.until(**numbers)
            if message.name == "photo"
        ]


@asynccontextmanager
async def streaming(
    app: App, event: Mapping[str, Any], headers: Mapping[str, str], last: str | None = None
) -> AsyncIterator[Stream]:
    """Open a stream as a page does."""
    resume = {} if last is None else {"Last-Event-ID": last}
    url = f"/api/events/{event['id']}/stream"
    async with app.client.get(url, headers={**headers, **resume}) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "text/event-stream"
        yield Stream(answer)


async def changed(app: App, event: Mapping[str, Any]) -> None:
    """Move the event's version, as the pipeline does after a commit."""
    await app.resources.cache.forget_event(EventId(int(event["id"])))
