"""An event in whatever order people join, photos come, verdicts are given, and people leave."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from findme.audit import rows, vectors
from findme.audit.vectors import Held
from findme.models import Gallery, Shelf
from findme.settings import Settings
from tests.conftest import App, application
from tests.support.described import clients_of
from tests.support.event_builder import EventBuilder
from tests.support.guest_photo_world import Match, Scene, Verdict
from tests.support.scripted_engine import Scripted, picture, scripted

T = TypeVar("T")

#: Brother and sister among four people.
PEOPLE, ALIKE = 4, {frozenset({0, 1}): 93.0}
#: Most photos of an event.
MOST_PHOTOS = 6
WHO = st.integers(0, PEOPLE - 1)
#: Chooses one of what there is.
WHICH = st.integers(0, 10**6)


class Opened:
    """The application over a scripted engine, on an event loop of its own, for all examples."""

    def __init__(self, settings: Settings, database: str) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.endpoint: Scripted
        self.app: App
        self.run(self._open(settings, database))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    async def _open(self, settings: Settings, database: str) -> None:
        self.endpoint = await self._stack.enter_async_context(scripted())
        self.endpoint.alike = ALIKE

        self.app = await self._stack.enter_async_context(
            application(
                clients_of(self._stack),  # type: ignore[arg-type]  # a fixture of the same call
                settings,
                database,
                endpoint_url=self.endpoint.url,
            )
        )

    def close(self) -> None:
        self.run(self._stack.aclose())
        self._runner.close()


class Evening(RuleBasedStateMachine):
    """One event; guests and photos are known by their numbers."""

    def __init__(self, opened: Opened) -> None:
        super().__init__()
        self.opened, self.run = opened, opened.run
        self.event = self.run(EventBuilder.create(opened.app, accounts="optional"))
        self.guests: set[int] = set()
        #: Photo -> whom it shows.
        self.photos: dict[str, list[int]] = {}
        self.verdicts: dict[tuple[int, str], str] = {}
        self.serial = 0

    def teardown(self) -> None:
        """The event is deleted with all that it had; nothing of it is left anywhere."""
        self.run(self._call("DELETE", f"/api/admin/events/{self.event.event_id}"))
        self.run(self.opened.app.drain())
        assert self.opened.endpoint.collections == {}
        self.run(self._audit())

    async def _call(self, method: str, path: str, person: int | None = None) -> None:
        headers = self.opened.app.admin if person is None else self.event.headers(person)
        answer = await self.event.call(method, path, headers)
        assert answer.status == 204, (method, path, await answer.text())

    @rule(person=WHO)
    def join(self, person: int) -> None:
        """A guest who is there already has the form's selfie added to theirs."""
        if person not in self.guests:
            assert self.run(self.event.join(person)) == "accepted"
            self.guests.add(person)

    @precondition(lambda self: self.guests)
    @rule(which=WHICH)
    def replace_selfie(self, which: int) -> None:
        person = sorted(self.guests)[which % len(self.guests)]
        self.serial += 1
        answer = self.run(self.event.put_selfie(person, picture(person, serial=self.serial)))
        assert answer.status == 200

    @precondition(lambda self: len(self.photos) < MOST_PHOTOS)
    @rule(people=st.lists(WHO, max_size=3, unique=True))
    def upload(self, people: list[int]) -> None:
        photo_id = self.run(self.event.upload(*people))
        self.photos[photo_id] = people

    @rule()
    def work(self) -> None:
        self.run(self.opened.app.drain())

    @precondition(lambda self: self.guests and self.photos)
    @rule(who=WHICH, which=WHICH, says=st.sampled_from(["me", "not-me"]), undo=st.booleans())
    def judge(self, who: int, which: int, says: str, undo: bool) -> None:
        """A guest says of a photo, as soon as it can be seen, that it shows them, or not."""
        self.run(self.opened.app.drain())
        person = sorted(self.guests)[who % len(self.guests)]
        photo_id = sorted(self.photos)[which % len(self.photos)]
        path = f"/api/photos/{photo_id}/{says}"
        self.run(self._call("DELETE" if undo else "POST", path, person))
        if not undo:
            self.verdicts[person, photo_id] = says
        elif self.verdicts.get((person, photo_id)) == says:
            del self.verdicts[person, photo_id]

    @precondition(lambda self: self.photos)
    @rule(which=WHICH)
    def delete(self, which: int) -> None:
        photo_id = sorted(self.photos)[which % len(self.photos)]
        self.run(self._call("DELETE", f"/api/admin/photos/{photo_id}"))
        del self.photos[photo_id]
        self._forget(lambda _person, of: of == photo_id)

    @precondition(lambda self: self.guests)
    @rule(
        which=WHICH,
        path=st.sampled_from(
            ["/api/me", "/api/me/face", "/api/me/events/{}", "/api/me/events/{}/consent"]
        ),
    )
    def leave(self, which: int, path: str) -> None:
        """An account, a face in all events, a part in this one, the consent to it: all are gone."""
        gone = sorted(self.guests)[which % len(self.guests)]
        self.run(self._call("DELETE", path.format(self.event.event_id), gone))
        self.guests.remove(gone)
        self._forget(lambda person, _photo: person == gone)

    def _forget(self, of: Any) -> None:
        self.verdicts = {pair: said for pair, said in self.verdicts.items() if not of(*pair)}

    @rule()
    def look(self) -> None:
        """Once all work is done, each guest has their photos, and nothing else is kept."""
        self.run(self.opened.app.drain())
        people, photos = sorted(self.guests), list(self.photos)
        scene = self._scene(people, photos)
        for number, person in enumerate(people):
            for shelf in (Shelf.SURE, Shelf.MAYBE):
                found = self.run(self.event.guest_photos(person, shelf))
                expected = {
                    photo_id
                    for at, photo_id in enumerate(photos)
                    if scene.shelf(number, at) is shelf
                }
                assert found == expected, (person, shelf)
        self.run(self._audit())

    def _scene(self, people: list[int], photos: list[str]) -> Scene:
        """Return the evening as the rule is told in Python."""
        return Scene(
            setting=(90.0, 80.0),
            own=(None, None),
            gallery=Gallery.EVERYONE,
            browse=False,
            photos=["shown"] * len(photos),
            guests=len(people),
            waiting=frozenset(),
            matches=[
                Match(number, 0, at, face, similarity)
                for number, person in enumerate(people)
                for at, photo_id in enumerate(photos)
                for face, other in enumerate(self.photos[photo_id])
                for similarity in [self.opened.endpoint.similarity(person, other)]
                if similarity >= 80.0
            ],
            verdicts={
                (people.index(person), photos.index(photo_id)): Verdict(
                    says.replace("-", "_"), None
                )
                for (person, photo_id), says in self.verdicts.items()
            },
        )

    async def _audit(self) -> None:
        async def held() -> Held:
            return {name: set(faces) for name, faces in self.opened.endpoint.collections.items()}

        async with self.opened.app.resources.pool.acquire() as conn:
            found = await rows.check(conn)
            found += await vectors.compare(conn, held, seconds=0.0)
            failed = await conn.fetch("select kind, error from job where state = 'failed'")
        assert [str(each) for each in found] == []
        assert [tuple(row) for row in failed] == []


@pytest.fixture
def opened(settings: Settings, database: str) -> Iterator[Opened]:
    made = Opened(settings, database)
    yield made
    made.close()


def test_in_any_order_each_guest_has_their_photos_and_nothing_is_left_of_the_others(
    opened: Opened,
) -> None:
    run_state_machine_as_test(
        lambda: Evening(opened),  # type: ignore[arg-type]  # any factory will do
        settings=examples(
            max_examples=examples().max_examples // 16,
            stateful_step_count=20,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
