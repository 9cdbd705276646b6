"""The one cache, the names of its keys, and their invalidation: here in memory, or by aiocache.

Photo lists are kept as finished, compressed bytes under a key that contains the event's version.
Every change of an event's photos or matches raises the version; the old keys expire by their TTL.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiocache
from aiocache.serializers import BaseSerializer

from findme.models import EventId, GuestId

#: The regions whose hits the operator sees, by their names in the stats.
PHOTOS = "user_photos_cache"
USERS = "user_cache"
#: The address of a cache that each process has for itself.
MEMORY = "memory:"


class _Bytes(BaseSerializer):  # type: ignore[misc]  # aiocache carries no types
    """Bytes as they are; redis must not decode them."""

    DEFAULT_ENCODING = None

    def dumps(self, value: bytes) -> bytes:
        return value

    def loads(self, value: bytes | None) -> bytes | None:
        return value


@dataclass(slots=True)
class Hits:
    """The hits and misses of a region."""

    hits: int = 0
    misses: int = 0

    @property
    def rate(self) -> str:
        """The share of hits, as `82.14%`."""
        asked = self.hits + self.misses
        return f"{100 * self.hits / asked if asked else 0:.2f}%"


class Kept:
    """Values in the memory of this process, each for some seconds of the monotonic clock."""

    #: Values that are kept; one more, and all are forgotten.
    MOST = 20_000

    def __init__(self) -> None:
        self.values: dict[Hashable, tuple[float, Any]] = {}

    def __len__(self) -> int:
        return len(self.values)

    def get(self, key: Hashable) -> Any:
        """Return the value of a key; None if there is none, or its time is over."""
        until, value = self.values.get(key, (0.0, None))
        return value if time.monotonic() < until else None

    def put(self, key: Hashable, value: object, seconds: float) -> None:
        """Keep a value."""
        if len(self.values) >= self.MOST:
            self.clear()
        self.values[key] = (time.monotonic() + seconds, value)

    def clear(self) -> None:
        """Forget everything."""
        self.values.clear()


class MemoryStore:
    """What is used of an aiocache store, over a dictionary of this process.

    aiocache's own runs plugins and a task with a timeout around each look-up in a dictionary: half
    of the time of a list that is found.
    """

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._ends: dict[str, asyncio.TimerHandle] = {}

    async def get(self, key: str) -> Any:
        """Return the value of a key, or None."""
        return self._values.get(key)

    async def set(self, key: str, value: object, ttl: float) -> None:
        """Keep a value for *ttl* seconds."""
        self._values[key] = value
        await self.expire(key, ttl)

    async def increment(self, key: str, delta: int = 1) -> int:
        """Add to a number, which begins at 0 and keeps its end; return the sum."""
        count: int = self._values.get(key, 0) + delta
        self._values[key] = count
        return count

    async def expire(self, key: str, ttl: float) -> None:
        """Let a key end in *ttl* seconds, and not when it would have."""
        self._keep_for_good(key)
        self._ends[key] = asyncio.get_running_loop().call_later(ttl, self._drop, key)

    async def delete(self, key: str) -> None:
        """Remove a key, if it is there."""
        self._drop(key)

    async def size(self) -> int:
        """Return the number of keys."""
        return len(self._values)

    async def clear(self) -> None:
        """Remove all keys."""
        for key in list(self._values):
            self._drop(key)

    async def close(self) -> None:
        """Remove all keys and their timers."""
        await self.clear()

    def _drop(self, key: str) -> None:
        self._keep_for_good(key)
        self._values.pop(key, None)

    def _keep_for_good(self, key: str) -> None:
        if end := self._ends.pop(key, None):
            end.cancel()


class Cache:
    """Bytes by key, in regions; entries live for *ttl* seconds."""

    def __init__(self, url: str, ttl: int) -> None:
        self._ttl = ttl
        #: Whether other processes see what this one stores, and its versions.
        self.shared = not url.startswith(MEMORY)
        self._listeners: list[Callable[[EventId], None]] = []
        self._stores = {name: _open(url, name) for name in (PHOTOS, "versions", "attempts")}
        #: The region USERS: in this process alone, and kept by `accounts.rights`, which knows when.
        self.users = Kept()
        self.hits = {PHOTOS: Hits(), USERS: Hits()}

    async def get(
        self, region: str, key: str, make: Callable[[], Awaitable[bytes | None]]
    ) -> bytes | None:
        """Return the value of *key*; on a miss, *make* it. None is not stored."""
        counter, store = self.hits[region], self._stores[region]
        if self._ttl:
            found: bytes | None = await store.get(key)
            if found is not None:
                counter.hits += 1
                return found
        counter.misses += 1
        made = await make()
        if made is not None and self._ttl:
            await store.set(key, made, ttl=self._ttl)
        return made

    async def version(self, event_id: EventId) -> int:
        """Return the event's version, a part of the key of each of its lists."""
        return int(await self._stores["versions"].get(str(event_id)) or 0)

    async def forget_event(self, event_id: EventId) -> None:
        """Invalidate every cached list of the event."""
        await self._stores["versions"].increment(str(event_id))
        for listener in self._listeners:
            listener(event_id)

    async def guest_version(self, guest_id: GuestId) -> int:
        """Return the version of a guest's marks, a part of the key of their lists."""
        return int(await self._stores["versions"].get(f"guest:{guest_id}") or 0)

    async def forget_guest(self, guest_id: GuestId) -> None:
        """Invalidate a guest's cached lists, and nobody else's."""
        await self._stores["versions"].increment(f"guest:{guest_id}")

    def listen(self, listener: Callable[[EventId], None]) -> None:
        """Call *listener* after each change of an event in this process."""
        self._listeners.append(listener)

    async def count_attempt(self, key: str, *, seconds: int) -> int:
        """Count an attempt under *key*, return the count; it expires *seconds* after the first."""
        store = self._stores["attempts"]
        count: int = await store.increment(key)
        if count == 1:
            await store.expire(key, seconds)
        return count

    async def take_back_attempt(self, key: str) -> None:
        """Subtract one attempt under *key*."""
        store = self._stores["attempts"]
        if await store.increment(key, delta=-1) <= 0:
            # if the count has expired meanwhile, the new key would never expire
            await store.delete(key)

    async def attempts(self, key: str) -> int:
        """Return the number of attempts under *key*."""
        return int(await self._stores["attempts"].get(key) or 0)

    async def size(self, region: str) -> int:
        """Return the number of keys in a region."""
        if region == USERS:
            return len(self.users)
        store = self._stores[region]
        if isinstance(store, MemoryStore):
            return await store.size()
        return len(await store.raw("keys", f"{store.namespace}*"))

    async def clear(self) -> int:
        """Empty the regions and return the number of removed keys."""
        count = sum([await self.size(region) for region in self.hits])
        store = self._stores[PHOTOS]
        await (
            store.clear()
            if isinstance(store, MemoryStore)
            else store.clear(namespace=store.namespace)
        )
        self.users.clear()
        return count

    async def close(self) -> None:
        """Close the backend's connections."""
        for store in self._stores.values():
            await store.close()


def _open(url: str, name: str) -> Any:
    """Open the store of a region at *url*."""
    if url.startswith(MEMORY):
        return MemoryStore()
    store = aiocache.Cache.from_url(url)
    store.namespace = f"findme:{name}:"
    if name == PHOTOS:
        store.serializer = _Bytes()
    return store


@asynccontextmanager
async def open_cache(url: str, ttl: int) -> AsyncIterator[Cache]:
    """Open the cache at *url* (memory:// or redis://…), with *ttl* seconds for each list."""
    cache = Cache(url, ttl)
    try:
        yield cache
    finally:
        await cache.close()
