"""What the operations work with: a child that decodes, the models in threads, the gallery."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from findme.engine.collection_store import Gallery
from findme.engine.faces import Analyst, Face
from findme.engine.picture_reader import PictureReader, Pixels
from findme.pixels.gate import Gate, Urgency

P = ParamSpec("P")
T = TypeVar("T")

_NICENESS = 5
"""Looking at pictures gives way to whoever answers people on the same processors."""


class Service:
    """The event loop only hands work over; nothing here computes on it."""

    def __init__(self, analyst: Analyst, gallery: Gallery, threads: int) -> None:
        self._analyst = analyst
        self._reader = PictureReader()
        # One more than is looked at: it is decoded meanwhile, and no others wait in memory.
        self._open = Gate(threads + 1)
        # Selfies have places of their own, and their guests need not wait for photos.
        self._open_first = Gate(threads)
        self._looks = Gate(threads)
        self._gallery = gallery
        self._pictures = ThreadPoolExecutor(threads, "pictures", initializer=_give_way)
        # One thread, so that every operation on the gallery is whole before the next begins.
        self._keeper = ThreadPoolExecutor(1, "gallery")

    async def faces(self, data: bytes, urgency: Urgency = Urgency.LAST) -> list[Face]:
        """Find the faces on a picture, largest first; raises refusals.

        One of urgency FIRST overtakes all others that are not being looked at yet.
        """
        loop = asyncio.get_running_loop()
        places = self._open_first if urgency is Urgency.FIRST else self._open
        async with places.hold(1):
            pixels = await self._reader.read(data, urgency)
            async with self._looks.hold(1, urgency):
                return await loop.run_in_executor(self._pictures, self._look, pixels)

    def _look(self, pixels: Pixels) -> list[Face]:
        return self._analyst.faces_on(pixels.picture())

    async def stored(
        self, work: Callable[Concatenate[Gallery, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run *work* on the gallery."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._keeper, lambda: work(self._gallery, *args, **kwargs)
        )

    def start(self) -> None:
        """Start the child that decodes, so that the first picture finds it ready; OSError."""
        self._reader.start()

    async def close(self) -> None:
        """Wait for what is being done, then close the gallery."""
        # on the event loop, which may be waiting for the child
        self._reader.close()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._pictures.shutdown(cancel_futures=True)
        self._keeper.shutdown(cancel_futures=True)
        self._gallery.close()


def _give_way() -> None:
    if sys.platform == "linux":  # elsewhere priorities are not a thread's own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
