"""Tasks that outlive the callers that wait for them."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

#: The event loop itself holds its tasks weakly.
_running: "set[asyncio.Task[Any]]" = set()


async def run_shielded(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* to its end, also if the caller is cancelled meanwhile.

    Nobody sees its result then. `asyncio.shield` alone leaves its error to the event loop, which
    logs it with a traceback as never retrieved.
    """
    task = asyncio.create_task(work)
    _running.add(task)
    task.add_done_callback(_retrieve)
    return await asyncio.shield(task)


def _retrieve(task: "asyncio.Task[Any]") -> None:
    _running.discard(task)
    if not task.cancelled():
        task.exception()  # from now on it counts as retrieved
