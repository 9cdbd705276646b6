"""What a watcher knows of files that go away, of folders that close, and of a full disk."""

import io
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from findme.watcher.file_states import GONE, Books, Item
from findme.watcher.folder import Found, Rest, Sight
from findme.watcher.journal import Entry, FileState, open_journal
from findme.watcher.picture_files import Picture
from findme.watcher.reporter import Lines

CLOSED = "this folder cannot be read: Input/output error"


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
async def books(out: io.StringIO) -> AsyncIterator[Books]:
    async with open_journal(None) as journal:
        opened = Books(journal, Lines(out), Rest(0.0))
        await opened.begin("1")
        yield opened


def look(books: Books, *sights: Sight, closed: dict[str, str] | None = None) -> None:
    """Let the watcher look at everything."""
    books.see(sights)
    books.keep_only(Found(list(sights), closed or {}))


def item(sight: Sight) -> Item:
    return Item((0, 0), sight, Picture(Path(sight.name), sight.name, sight.size, "ab"))


async def test_what_was_on_a_card_that_is_pulled_is_missing_until_it_comes_back(
    books: Books, out: io.StringIO
) -> None:
    one, other = Sight("DCIM/1.jpg", 10, 1), Sight("DCIM/2.jpg", 20, 2)
    look(books, one, other)
    await books.note_sent(item(one), "7")
    for _ in range(3):
        look(books, closed={"/media/card": CLOSED})
    assert books.is_done
    assert books.tally.left == {"DCIM/2.jpg": GONE, "/media/card": CLOSED}
    assert out.getvalue().count(f"unreadable: /media/card: {CLOSED}\n") == 1

    look(books, one, other)
    assert books.tally.left == {"DCIM/2.jpg": "not sent yet"}
    await books.note_sent(item(other), "8")
    assert (books.tally.sent, books.tally.left) == (2, {})


async def test_what_was_under_way_when_its_card_was_pulled_is_not_missing(books: Books) -> None:
    sights = [Sight(f"{n}.jpg", n, n) for n in range(1, 5)]
    look(books, *sights)
    look(books)
    await books.note_sent(item(sights[0]), "7")
    await books.note_there([item(sights[1])], {"ab": "8"})
    await books.note_refused([item(sights[2])], "it is too large")
    assert (books.tally.sent, books.tally.there) == (1, 1)
    assert books.tally.refused == {"3.jpg": "it is too large"}
    assert books.tally.left == {"4.jpg": GONE}


async def test_a_file_that_is_moved_to_hot_is_not_missing(books: Books) -> None:
    look(books, Sight("1.jpg", 10, 1), Sight("2.jpg", 20, 2))
    look(books, Sight("hot/1.jpg", 10, 1))
    assert books.tally.left == {"hot/1.jpg": "not sent yet", "2.jpg": GONE}


async def test_a_file_that_cannot_be_read_is_tried_at_each_look_and_told_of_once(
    books: Books, out: io.StringIO
) -> None:
    sight = Sight("1.jpg", 10, 1)
    for number in (5, 5, 13):
        look(books, sight)
        books.unreadable(item(sight), OSError(number, f"error {number}"))
    assert out.getvalue() == "unreadable: 1.jpg: error 5\nunreadable: 1.jpg: error 13\n"
    assert books.tally.left == {"1.jpg": "it cannot be read: error 13"}


async def test_without_room_for_the_journal_photos_are_sent_all_the_same(
    tmp_path: Path, out: io.StringIO
) -> None:
    path = tmp_path / "journal.sqlite3"
    async with open_journal(path) as journal:
        await journal.begin("1")
        await journal.note([Entry("0.jpg", 1, 1, FileState.SENT, "00", "1")])
    with sqlite3.connect(path) as database:
        database.execute(
            "create trigger full before insert on file "
            "begin select raise(abort, 'database or disk is full'); end"
        )
    database.close()
    async with open_journal(path) as journal:
        books = Books(journal, Lines(out), Rest(0.0))
        await books.begin("1")
        sights = [Sight(f"{n}.jpg", 1, 1) for n in range(3)]
        look(books, *sights)
        for each in sights[1:]:
            await books.note_sent(item(each), "7")
    assert (books.tally.sent, books.tally.left) == (2, {})
    why = "journal: it cannot be written (database or disk is full); photos are sent all the same"
    assert [line for line in out.getvalue().splitlines() if "journal" in line] == [why]


async def test_a_journal_that_cannot_forget_another_event_is_left_alone(
    tmp_path: Path, out: io.StringIO
) -> None:
    path = tmp_path / "journal.sqlite3"
    entry = Entry("1.jpg", 1, 1, FileState.SENT, "00", "1")
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
        books = Books(journal, Lines(out), Rest(0.0))
        await books.begin("2")
        look(books, *sights)
        assert set(books.tally.left) == {"1.jpg", "2.jpg"}
        for each in sights:
            await books.note_sent(item(each), "7")
        # what went to event 2 is not taken for sent to event 1
        assert await journal.read() == {"1.jpg": entry}
    assert books.tally.sent == 2
