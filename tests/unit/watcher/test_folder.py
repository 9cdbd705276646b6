"""What is seen of a folder, and when a file has come to rest."""

import os
from pathlib import Path

from findme.watcher import folder
from findme.watcher.folder import Quiescence, Sight

NOW = 1000.0
#: Seconds since 1970.
WALL = 1_800_000_000.0


def sight(name: str, age: float = 0.0, size: int = 10) -> Sight:
    return Sight(name, size, int((WALL - age) * 1e9))


def test_a_file_that_is_still_written_does_not_rest() -> None:
    quiescence = Quiescence(2.0)
    quiescence.see(sight("a.jpg"), NOW, WALL)
    assert quiescence.ready(NOW + 1.9) == []
    quiescence.see(sight("a.jpg", size=20), NOW + 1.9, WALL)
    assert quiescence.ready(NOW + 3.8) == []
    assert quiescence.ready(NOW + 3.9) == [sight("a.jpg", size=20)]
    assert quiescence.ready(NOW + 9) == []


def test_a_file_of_yesterday_rests_at_once_and_one_of_tomorrow_does_not() -> None:
    quiescence = Quiescence(2.0)
    quiescence.see(sight("old.jpg", age=60), NOW, WALL)
    quiescence.see(sight("new.jpg", age=-60), NOW, WALL)
    assert quiescence.ready(NOW) == [sight("old.jpg", age=60)]


def test_a_raw_file_waits_for_its_jpeg() -> None:
    quiescence = Quiescence(2.0)
    quiescence.see(sight("a.cr3", age=5), NOW, WALL)
    assert quiescence.ready(NOW + 9) == []
    assert quiescence.ready(NOW + 10) == [sight("a.cr3", age=5)]


def test_a_file_that_went_is_forgotten() -> None:
    quiescence = Quiescence(2.0)
    quiescence.see(sight("a.jpg", age=60), NOW, WALL)
    quiescence.forget("a.jpg")
    assert quiescence.ready(NOW) == []


def test_hot_is_a_folder_at_any_depth() -> None:
    assert sight("hot/a.jpg").is_hot
    assert sight("camera/Hot/a.jpg").is_hot
    assert not sight("hot.jpg").is_hot


def test_what_is_no_picture_or_hidden_is_not_seen(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.txt", ".c.jpg", ".trash/d.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [found.name for found in folder.look(tmp_path).sights] == ["a.jpg"]
    seen = [folder.look_at(tmp_path, path) for path in tmp_path.rglob("*.jpg")]
    assert [found.name for found in seen if found is not None] == ["a.jpg"]
    assert folder.look_at(tmp_path, tmp_path / "gone.jpg") is None
    assert folder.look_at(tmp_path, Path("/elsewhere/a.jpg")) is None


def test_a_folder_that_is_away_is_empty_and_says_so(tmp_path: Path) -> None:
    card = tmp_path / "card"
    found = folder.look(card)
    assert found.sights == []
    assert found.closed == {str(card): "this folder cannot be read: No such file or directory"}


def test_what_is_no_file_is_no_picture_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "album.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "album.jpg" / "a.jpg").touch()
    assert [found.name for found in folder.look(tmp_path).sights] == ["album.jpg/a.jpg"]
    assert folder.look_at(tmp_path, tmp_path / "album.jpg") is None
