"""Live streams: one query for all listeners of an event in this process.

Each change of an event's version (see cache.forget_event) makes the hub query once for all of the
event's listeners, at most every SPACING seconds, and send each one their updates. No connection of
the pool is held in between. If other processes do the work, the hub queries the events with
listeners every few seconds instead.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import orjson

from findme import db
from findme.cache import Cache
from findme.db import Pool
from findme.messaging import live_updates
from findme.messaging.live_updates import LiveUpdate, Mark
from findme.models import EventId, Gallery, GuestId, PhotoId, UserId

log = logging.getLogger(__name__)

#: Seconds between two queries: 300 phones get updates at most twice a second.
SPACING = 0.5
#: Seconds between queries if other processes work on the same database.
POLL_SECONDS = 2.0
#: Listeners that are served before other tasks run: all 300 at once held the loop for 30 ms.
AT_ONCE = 20
#: Messages that wait for one listener; a slower one is disconnected, and resumes.
BACKLOG = 64
#: Streams of one account in this process: more than a table that shares one link opens, and few
#: enough that nobody exhausts the server with one.
MOST_STREAMS = 400
#: The id of the last message of a stream that a newer one replaced: a page that reconnects with it
#: as Last-Event-ID would only replace the next one.
REPLACED = "replaced"


@dataclass(eq=False)
class Listener:
    """One open stream; *guest_id* is None for an admin who did not join."""

    event_id: EventId
    guest_id: GuestId | None
    _messages: asyncio.Queue[bytes | None] = field(
        default_factory=lambda: asyncio.Queue(maxsize=BACKLOG)
    )
    _progress: bytes = b""

    async def next(self, timeout: float) -> bytes | None:
        """Return what to send next, None if the stream ends; TimeoutError after *timeout* s."""
        async with asyncio.timeout(timeout):
            return await self._messages.get()

    def send(self, message: bytes) -> None:
        """Add a message; a listener that has fallen behind is disconnected."""
        if self._messages.full():
            self.end()
        else:
            self._messages.put_nowait(message)

    def end(self) -> None:
        """End the stream; waiting messages are dropped, and come again when the page resumes."""
        while self._messages.qsize():
            self._messages.get_nowait()
        self._messages.put_nowait(None)

    def replace(self) -> None:
        """End the stream for a newer one; the page is told not to reconnect."""
        self.end()
        self._messages.get_nowait()
        self._messages.put_nowait(f"id: {REPLACED}\n\n".encode())
        self._messages.put_nowait(None)

    def tell(self, found: LiveUpdate, photos: dict[PhotoId, bool]) -> None:
        """Send photos (and whether they show the guest), and the progress if it has changed."""
        mark = _name(found.mark)
        said = b"".join(
            _event(mark, "photo", {"id": str(photo_id), "mine": mine})
            for photo_id, mine in photos.items()
        )
        progress = _event(mark, "progress", self._standing(found))
        # the mark moves with every query; only the numbers decide
        numbers = progress.partition(b"data: ")[2]
        if numbers != self._progress:
            self._progress = numbers
            said += progress
        if said:
            self.send(said)

    def _standing(self, found: LiveUpdate) -> dict[str, object]:
        # the contract's two numbers, and the page's: it asks for nothing while it listens
        if self.guest_id is None:
            return {"queued": found.total - found.done, "done": found.done, "all": found.visible}
        guest = found.guests[self.guest_id]
        if not guest.admitted:
            nothing = dict.fromkeys(("queued", "done", "mine", "maybe", "all"), 0)
            return {**nothing, "selfie": guest.selfie, "waits": True}
        return {
            "queued": max(0, found.total - guest.done),
            "done": guest.done,
            "mine": guest.mine,
            "maybe": guest.maybe,
            "all": found.visible,
            "selfie": guest.selfie,
        }


@dataclass
class _Channel:
    """An event with listeners, and how far they have been updated."""

    listeners: set[Listener] = field(default_factory=set)
    mark: Mark | None = None
    #: Photos and matches by guest that were sent, and when: kept until the mark has passed them.
    shown: dict[PhotoId, datetime] = field(default_factory=dict)
    told: dict[tuple[GuestId, PhotoId, bool], datetime] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Hub:
    """The listeners by event; `run()` queries when something changes.

    *elsewhere* says that other processes work on this database.
    """

    def __init__(self, pool: Pool, cache: Cache, *, elsewhere: bool) -> None:
        self._pool = pool
        self._cache = cache
        self._elsewhere = elsewhere
        self._channels: dict[EventId, _Channel] = {}
        #: The streams of each account, oldest first.
        self._of: dict[UserId, list[Listener]] = {}
        self._moved: set[EventId] = set()
        self._wake = asyncio.Event()
        self._closed = False
        cache.listen(self.note)

    def __len__(self) -> int:
        """How many streams are open."""
        return sum(len(channel.listeners) for channel in self._channels.values())

    def note(self, event_id: EventId) -> None:
        """Query the event soon: it has changed."""
        if event_id in self._channels:
            self._moved.add(event_id)
            self._wake.set()

    @contextmanager
    def listening(
        self, event_id: EventId, guest_id: GuestId | None, account_id: UserId
    ) -> Iterator[Listener]:
        """Add a listener: from now on they get all updates.

        Beyond MOST_STREAMS streams of an account, over all events, the oldest one ends.
        """
        listener = Listener(event_id, guest_id)
        of_account = self._of.setdefault(account_id, [])
        of_account.append(listener)
        if len(of_account) > MOST_STREAMS:
            # the oldest may be the dead stream of a phone that changed its network
            of_account.pop(0).replace()
        channel = self._channels.setdefault(event_id, _Channel())
        channel.listeners.add(listener)
        if self._closed:
            listener.end()
        try:
            yield listener
        finally:
            if listener in of_account:
                of_account.remove(listener)
            if not of_account and self._of.get(account_id) is of_account:
                del self._of[account_id]
            channel.listeners.discard(listener)
            if not channel.listeners and self._channels.get(event_id) is channel:
                del self._channels[event_id]

    async def greet(self, listener: Listener, last: str | None) -> None:
        """Send the listener's progress, and the updates since the message *last*."""
        channel = self._channels[listener.event_id]
        guests = [] if listener.guest_id is None else [listener.guest_id]
        resumed = _mark(last) if last else None
        async with channel.lock:
            found = await self._look(listener.event_id, guests, resumed or channel.mark)
            if found is None:
                listener.end()
                return
            if channel.mark is None:
                channel.mark = found.mark
                channel.shown = dict.fromkeys(found.shown, found.mark.at)
        if listener.guest_id is None or listener.guest_id in found.guests:
            listener.tell(found, {} if resumed is None else _photos_for(listener, found))
        else:
            listener.end()

    async def run(self) -> None:
        """Query the events that changed, until cancelled."""
        while True:
            await self._wait()
            moved, self._moved = self._moved, set()
            for event_id in moved:
                try:
                    await self._spread(event_id)
                except db.CONNECTION_ERRORS:
                    log.warning("[Live] Event %s waits for the database", event_id)
                    self.note(event_id)
            await asyncio.sleep(SPACING)

    def close(self) -> None:
        """End all streams, and those that are opened later."""
        self._closed = True
        for channel in self._channels.values():
            for listener in channel.listeners:
                listener.end()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS if self._elsewhere else None):
                await self._wake.wait()
        except TimeoutError:
            self._moved.update(self._channels)
        self._wake.clear()

    async def _look(
        self, event_id: EventId, guests: list[GuestId], mark: Mark | None
    ) -> LiveUpdate | None:
        if mark is not None:
            mark = Mark(mark.photo_id, mark.at - timedelta(seconds=live_updates.OVERLAP))
        async with db.acquire(self._pool) as conn:
            return await live_updates.look(conn, event_id, guests, mark)

    async def _spread(self, event_id: EventId) -> None:
        """Query once for all listeners, and send each one their updates."""
        channel = self._channels.get(event_id)
        if channel is None or channel.mark is None:
            return
        async with channel.lock:
            listeners = list(channel.listeners)
            guests = {item.guest_id for item in listeners if item.guest_id is not None}
            found = await self._look(event_id, list(guests), channel.mark)
            if found is None:
                for listener in listeners:
                    listener.end()
                return
            fresh = _unsaid(channel, found)
            if self._elsewhere and (fresh.shown or any(g.found for g in fresh.guests.values())):
                # another process made the change, so this process's cached lists are stale
                await self._cache.forget_event(event_id)
        for number, listener in enumerate(listeners, start=1):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
            if listener.guest_id is None or listener.guest_id in fresh.guests:
                listener.tell(fresh, _photos_for(listener, fresh))
            else:
                listener.end()


def _unsaid(channel: _Channel, found: LiveUpdate) -> LiveUpdate:
    """Return the update without what the channel sent before, and record that it is sent now."""
    now = found.mark.at
    shown = [photo for photo in found.shown if photo not in channel.shown]
    guests = {}
    for guest_id, standing in found.guests.items():
        photos = {
            photo: mine
            for photo, mine in standing.found.items()
            if (guest_id, photo, mine) not in channel.told
        }
        channel.told.update(((guest_id, photo, mine), now) for photo, mine in photos.items())
        guests[guest_id] = replace(standing, found=photos)
    old = now - timedelta(seconds=3 * live_updates.OVERLAP)
    channel.shown = {
        photo: at
        for photo, at in {**dict.fromkeys(shown, now), **channel.shown}.items()
        if photo > found.mark.photo_id or at > old
    }
    channel.told = {key: at for key, at in channel.told.items() if at > old}
    channel.mark = found.mark
    return live_updates.LiveUpdate(
        found.mark, found.gallery, found.total, found.done, found.visible, shown, guests
    )


def _photos_for(listener: Listener, found: LiveUpdate) -> dict[PhotoId, bool]:
    """Return the new photos that a listener may see, and whether they show them."""
    if listener.guest_id is not None and not found.guests[listener.guest_id].admitted:
        return {}
    everyones = found.gallery is Gallery.EVERYONE or listener.guest_id is None
    photos = dict.fromkeys(found.shown, False) if everyones else {}
    if listener.guest_id is not None:
        photos |= found.guests[listener.guest_id].found
    return photos


def _event(mark: str, name: str, data: dict[str, object]) -> bytes:
    return f"id: {mark}\nevent: {name}\ndata: ".encode() + orjson.dumps(data) + b"\n\n"


def _name(mark: Mark) -> str:
    return f"{mark.photo_id}-{round(mark.at.timestamp() * 1000)}"


def _mark(name: str) -> Mark | None:
    """Return the mark in a Last-Event-ID; None if it is not one of ours."""
    photo_id, _, at = name.partition("-")
    if not (photo_id + at).isascii() or not photo_id.isdigit() or not at.isdigit():
        return None
    try:
        return Mark(min(int(photo_id), 2**63 - 1), datetime.fromtimestamp(int(at) / 1000, UTC))
    except (ValueError, OverflowError, OSError):
        return None
