"""What the operations work with: the models in a pool of threads, the gallery in its own."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from findme.engine.collection_store import Gallery
from findme.engine.faces import Analyst, Face

P = ParamSpec("P")
T = TypeVar("T")

_NICENESS = 5
"""Looking at pictures gives way to whoever answers people on the same processors."""


class Service:
    """The event loop only hands work over; nothing here computes on it."""

    def __init__(self, analyst: Analyst, gallery: Gallery, threads: int) -> None:
        self._analyst = analyst
        self._gallery = gallery
        self._pictures = ThreadPoolExecutor(threads, "pictures", initializer=_give_way)
        # One thread, so that every operation on the gallery is whole before the next begins.
        self._keeper = ThreadPoolExecutor(1, "gallery")

    async def faces(self, data: bytes) -> list[Face]:
        """Find the faces on a picture, largest first; raises refusals."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pictures, self._analyst.faces, data)

    async def stored(
        self, work: Callable[Concatenate[Gallery, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run *work* on the gallery."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._keeper, lambda: work(self._gallery, *args, **kwargs)
        )

    def close(self) -> None:
        """Wait for what is being done, then close the gallery."""
        self._pictures.shutdown(cancel_futures=True)
        self._keeper.shutdown(cancel_futures=True)
        self._gallery.close()


def _give_way() -> None:
    if sys.platform == "linux":  # elsewhere priorities are not a thread's own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
