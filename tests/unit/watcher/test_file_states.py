"""What a watcher knows of files that go away, of folders that close, and of a full disk."""

import io
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from findme.watcher.file_states import GONE, FileStates, Item
from findme.watcher.folder import Found, Quiescence, Sight
from findme.watcher.journal import FileEntry, FileState, open_journal
from findme.watcher.picture_files import Picture
from findme.watcher.reporter import LineReporter

CLOSED = "this folder cannot be read: Input/output error"


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
async def states(out: io.StringIO) -> AsyncIterator[FileStates]:
    async with open_journal(None) as journal:
        opened = FileStates(journal, LineReporter(out), Quiescence(0.0))
        await opened.begin("1")
        yield opened


def look(states: FileStates, *sights: Sight, closed: dict[str, str] | None = None) -> None:
    """Let the watcher look at everything."""
    states.see(sights)
    states.keep_only(Found(list(sights), closed or {}))


def item(sight: Sight) -> Item:
    return Item((0, 0), sight, Picture(Path(sight.name), sight.name, sight.size, "ab"))


async def test_what_was_on_a_card_that_is_pulled_is_missing_until_it_comes_back(
    states: FileStates, out: io.StringIO
) -> None:
    one, other = Sight("DCIM/1.jpg", 10, 1), Sight("DCIM/2.jpg", 20, 2)
    look(states, one, other)
    await states.note_sent(item(one), "7")
    for _ in range(3):
        look(states, closed={"/media/card": CLOSED})
    assert states.is_done
    assert states.tally.left == {"DCIM/2.jpg": GONE, "/media/card": CLOSED}
    assert out.getvalue().count(f"unreadable: /media/card: {CLOSED}\n") == 1

    look(states, one, other)
    assert states.tally.left == {"DCIM/2.jpg": "not sent yet"}
    await states.note_sent(item(other), "8")
    assert (states.tally.sent, states.tally.left) == (2, {})


async def test_what_was_under_way_when_its_card_was_pulled_is_not_missing(
    states: FileStates,
) -> None:
    sights = [Sight(f"{n}.jpg", n, n) for n in range(1, 5)]
    look(states, *sights)
    look(states)
    await states.note_sent(item(sights[0]), "7")
    await states.note_there([item(sights[1])], {"ab": "8"})
    await states.note_refused([item(sights[2])], "it is too large")
    assert (states.tally.sent, states.tally.there) == (1, 1)
    assert states.tally.refused == {"3.jpg": "it is too large"}
    assert states.tally.left == {"4.jpg": GONE}


async def test_a_file_that_is_moved_to_hot_is_not_missing(states: FileStates) -> None:
    look(states, Sight("1.jpg", 10, 1), Sight("2.jpg", 20, 2))
    look(states, Sight("hot/1.jpg", 10, 1))
    assert states.tally.left == {"hot/1.jpg": "not sent yet", "2.jpg": GONE}


async def test_a_file_that_cannot_be_read_is_tried_at_each_look_and_told_of_once(
    states: FileStates, out: io.StringIO
) -> None:
    sight = Sight("1.jpg", 10, 1)
    for number in (5, 5, 13):
        look(states, sight)
        states.unreadable(item(sight), OSError(number, f"error {number}"))
    assert out.getvalue() == "unreadable: 1.jpg: error 5\nunreadable: 1.jpg: error 13\n"
    assert states.tally.left == {"1.jpg": "it cannot be read: error 13"}


async def test_without_room_for_the_journal_photos_are_sent_all_the_same(
    tmp_path: Path, out: io.StringIO
) -> None:
    path = tmp_path / "journal.sqlite3"
    async with open_journal(path) as journal:
        await journal.begin("1")
        await journal.note([FileEntry("0.jpg", 1, 1, FileState.SENT, "00", "1")])
    with sqlite3.connect(path) as database:
        database.execute(
            "create trigger full before insert on file "
            "begin select raise(abort, 'database or disk is full'); end"
        )
    database.close()
    async with open_journal(path) as journal:
        states = FileStates(journal, LineReporter(out), Quiescence(0.0))
        await states.begin("1")
        sights = [Sight(f"{n}.jpg", 1, 1) for n in range(3)]
        look(states, *sights)
        for each in sights[1:]:
            await states.note_sent(item(each), "7")
    assert (states.tally.sent, states.tally.left) == (2, {})
    why = "journal: it cannot be written (database or disk is full); photos are sent all the same"
    assert [line for line in out.getvalue().splitlines() if "journal" in line] == [why]


async def test_a_journal_that_cannot_forget_another_event_is_left_alone(
    tmp_path: Path, out: io.StringIO
) -> None:
    path = tmp_path / "journal.sqlite3"
    entry = FileEntry("1.jpg", 1, 1, FileState.SENT, "00", "1")
    async with open_journal(path) as journal:
        await journal.begin("1")
        await journal.note([entry])
    with sqlite3.connect(path) as database:
        database.execute(
            "create trigger full before delete on file "
            "begin select raise(abort, 'database or disk is full'); end"
        )
    database.close()
    sights = [Sight("1.jpg", 1, 1), Sight("2.jpg", 1, 1)]
    async with open_journal(path) as journal:
        states = FileStates(journal, LineReporter(out), Quiescence(0.0))
        await states.begin("2")
        look(states, *sights)
        assert set(states.tally.left) == {"1.jpg", "2.jpg"}
        for each in sights:
            await states.note_sent(item(each), "7")
        # what went to event 2 is not taken for sent to event 1
        assert await journal.read() == {"1.jpg": entry}
    assert states.tally.sent == 2
