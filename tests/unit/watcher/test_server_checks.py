"""What the watcher learns of pictures after they were received."""

from collections.abc import Sequence
from io import StringIO

from findme.watcher.api_client import Known
from findme.watcher.reporter import LineReporter, RunTally
from findme.watcher.server_checks import BATCH, MOST_FRUITLESS, Checks


class Answers:
    """A server's answers."""

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []
        self.pending: set[str] = set()
        self.failed: dict[str, str] = {}

    async def __call__(self, hashes: Sequence[str]) -> Known:
        self.asked.append(hashes)
        return Known({}, frozenset(self.pending), self.failed)


def opened() -> tuple[Checks, RunTally, StringIO]:
    tally, out = RunTally(), StringIO()
    return Checks(tally, LineReporter(out)), tally, out


async def test_a_damaged_picture_is_told_of_once_under_each_name() -> None:
    checks, tally, out = opened()
    server = Answers()
    server.failed = {"bad": "broken"}
    for name, sha256 in (("a", "bad"), ("b", "bad"), ("c", "good")):
        checks.add(name, sha256)
    assert await checks.look(server)
    assert not await checks.look(server)
    assert server.asked == [["bad", "good"]]
    assert tally.damaged == {"a": "broken", "b": "broken"}
    assert out.getvalue().count("received, but cannot be read: a: broken\n") == 1
    assert checks.is_done
    assert "received, but cannot be read: b: broken" in tally.lines()


async def test_files_are_asked_for_in_turn_and_none_waits_behind_a_stuck_one() -> None:
    checks, tally, _ = opened()
    server = Answers()
    hashes = [f"{number:04}" for number in range(BATCH + 1)]
    for sha256 in hashes:
        checks.add(f"{sha256}.jpg", sha256)
    server.pending = set(hashes[:-1])
    assert not await checks.look(server)
    assert await checks.look(server)
    assert server.asked[1][-1] == hashes[-1]
    assert tally.unchecked == BATCH


async def test_a_pass_waits_no_longer_where_nothing_moves() -> None:
    checks, tally, _ = opened()
    server = Answers()
    server.pending = {"stuck"}
    checks.add("a", "stuck")
    for _ in range(MOST_FRUITLESS):
        assert not checks.is_done
        assert not await checks.look(server)
    assert checks.is_done
    assert "Received, but not checked by the server yet: 1." in tally.lines()
    checks.add("b", "new")
    assert not checks.is_done


async def test_a_file_that_changed_is_not_blamed_for_what_it_was() -> None:
    checks, tally, _ = opened()
    checks.add("a", "old")

    async def changed_meanwhile(_hashes: Sequence[str]) -> Known:
        checks.forget("a")
        checks.add("a", "new")
        return Known({}, frozenset(), {"old": "broken"})

    assert not await checks.look(changed_meanwhile)
    assert tally.damaged == {}
    assert tally.unchecked == 1
