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
from findme.pixels.gate import Urgency

P = ParamSpec("P")
T = TypeVar("T")

_NICENESS, _SELFIE_NICENESS = 5, 2
"""Looking at pictures gives way to whoever answers people on the same processors: photos most, and
selfies less, since people wait for them."""


class _Lane:
    """Threads that look at pictures, and how many pictures may be open at a time."""

    def __init__(self, threads: int, name: str, niceness: int) -> None:
        # One more than is looked at: it is decoded meanwhile, and no others wait in memory.
        self.open = asyncio.Semaphore(threads + 1)
        self.threads = ThreadPoolExecutor(
            threads, name, initializer=_give_way, initargs=(niceness,)
        )


class Service:
    """The event loop only hands work over; nothing here computes on it."""

    def __init__(self, analyst: Analyst, gallery: Gallery, threads: int) -> None:
        self._analyst = analyst
        self._reader = PictureReader()
        self._photos = _Lane(threads, "photos", _NICENESS)
        # Otherwise a guest would wait for photos, some seconds each on a busy machine.
        self._selfies = _Lane(threads, "selfies", _SELFIE_NICENESS)
        self._gallery = gallery
        # One thread, so that every operation on the gallery is whole before the next begins.
        self._keeper = ThreadPoolExecutor(1, "gallery")

    async def faces(self, data: bytes, urgency: Urgency = Urgency.LAST) -> list[Face]:
        """Find the faces on a picture, largest first; raises refusals.

        One of urgency FIRST is a selfie, and waits for no photo.
        """
        loop = asyncio.get_running_loop()
        lane = self._selfies if urgency is Urgency.FIRST else self._photos
        async with lane.open:
            pixels = await self._reader.read(data, urgency)
            return await loop.run_in_executor(lane.threads, self._look, pixels)

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
        self._photos.threads.shutdown(cancel_futures=True)
        self._selfies.threads.shutdown(cancel_futures=True)
        self._keeper.shutdown(cancel_futures=True)
        self._gallery.close()


def _give_way(niceness: int) -> None:
    if sys.platform == "linux":  # elsewhere priorities are not a thread's own
        own = threading.get_native_id()
        # the whole process may be nicer already, and only root may take that back
        niceness = max(niceness, os.getpriority(os.PRIO_PROCESS, own))
        os.setpriority(os.PRIO_PROCESS, own, niceness)
