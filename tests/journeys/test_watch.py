"""A photographer's evening with the watcher: what is in the folder is on the server, once."""

import asyncio
import io
import json
import shutil
import signal
from pathlib import Path

import pytest
from PIL import Image

from findme.watcher import folder as watcher_folder
from tests.support.pictures import drawn
from tests.support.scripted_guests import until
from tests.support.service import Service
from tests.support.watching import (
    Desk,
    Watch,
    age,
    command,
    desk_of,
    free_port,
    line_to,
    noisy,
    run,
    run_text,
    told,
)


async def test_one_pass_sends_everything_and_a_second_nothing(
    desk: Desk, folder: Path, watch: Watch
) -> None:
    (folder / "a.jpg").write_bytes(drawn(1))
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "b.JPG").write_bytes(drawn(2))
    for kind in ("png", "webp"):
        Image.open(io.BytesIO(drawn(3))).save(folder / f"c.{kind}")
    Image.open(io.BytesIO(drawn(4))).save(folder / "d.heic", "HEIF")
    (folder / ".hidden.jpg").write_bytes(drawn(5))
    (folder / "notes.txt").write_text("no picture")

    code, events = await watch.once()

    assert code == 0
    assert events[-1]["sent"] == 5
    assert told(events, "sent") == ["a.jpg", "c.png", "c.webp", "d.heic", "deep/er/b.JPG"]
    photos = await desk.photos()
    assert sorted(photo["filename"] for photo in photos) == sorted(
        ["a.jpg", "b.JPG", "c.png", "c.webp", "d.heic"]
    )
    (token,) = await desk.call("GET", f"/api/admin/events/{desk.event_id}/tokens")
    assert token["report"]["backlog"] is not None
    assert abs(token["report"]["clock_ahead_s"] or 0) < 60

    code, events = await watch.once()
    assert (code, events[-1]["sent"], events[-1]["there"]) == (0, 0, 5)
    assert events[-1]["bytes_sent"] == 0


async def test_without_its_journal_the_server_says_what_it_has(
    desk: Desk, folder: Path, watch: Watch
) -> None:
    for seed in range(3):
        (folder / f"{seed}.jpg").write_bytes(drawn(seed))
    await watch.once()
    watch.journal.unlink()
    code, events = await watch.once()
    assert (code, events[-1]["sent"], events[-1]["there"]) == (0, 0, 3)
    assert events[-1]["bytes_sent"] == 0


async def test_a_damaged_journal_is_put_aside(desk: Desk, folder: Path, watch: Watch) -> None:
    (folder / "a.jpg").write_bytes(drawn(1))
    watch.journal.write_bytes(b"no database at all" * 500)
    code, events = await watch.once()
    assert (code, events[-1]["sent"]) == (0, 1)
    assert watch.journal.with_name(watch.journal.name + ".damaged").exists()


async def test_the_same_bytes_under_two_names_are_sent_once(
    desk: Desk, folder: Path, watch: Watch
) -> None:
    (folder / "a.jpg").write_bytes(noisy(drawn(1), 300_000, 1))
    shutil.copy(folder / "a.jpg", folder / "b.jpg")
    async with line_to(int(desk.url.rpartition(":")[2])) as line:
        watch.url = line.url
        code, events = await watch.once()
        assert (code, events[-1]["sent"], events[-1]["there"]) == (0, 1, 1)
        assert line.body_bytes() == (folder / "a.jpg").stat().st_size
    assert len(await desk.photos()) == 1


async def test_a_changed_file_is_another_photo(desk: Desk, folder: Path, watch: Watch) -> None:
    (folder / "a.jpg").write_bytes(drawn(1))
    await watch.once()
    (folder / "a.jpg").write_bytes(drawn(2))
    code, events = await watch.once()
    assert (code, events[-1]["sent"]) == (0, 1)
    assert len(await desk.photos()) == 2


async def test_bad_files_are_told_of_and_stop_nothing(
    desk: Desk, folder: Path, watch: Watch
) -> None:
    (folder / "good.jpg").write_bytes(drawn(1))
    (folder / "cut.jpg").write_bytes(drawn(2)[:-2000])
    (folder / "empty.jpg").touch()
    (folder / "text.png").write_text("this is no picture")
    # complete by its end, yet broken inside its head: the server says so
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(200) + b"\xff\xd9")

    code, events = await watch.once()

    assert code == 1
    assert told(events, "sent") == ["good.jpg"]
    assert {name: why for name, why in events[-1]["refused"].items() if name != "broken.jpg"} == {
        "cut.jpg": "its end is missing",
        "empty.jpg": "it is empty",
        "text.png": "it is not a JPEG, PNG, WebP or HEIC picture",
    }
    assert "damaged" in events[-1]["refused"]["broken.jpg"]
    # they are told of again, and not looked at again before they change
    code, events = await watch.once()
    assert (code, len(events[-1]["refused"]), events[-1]["bytes_sent"]) == (1, 4, 0)
    (folder / "cut.jpg").write_bytes(drawn(2))
    code, events = await watch.once()
    assert (told(events, "sent"), len(events[-1]["refused"])) == (["cut.jpg"], 3)


async def test_live_it_sends_what_comes_and_reports_at_the_end(
    desk: Desk, folder: Path, watch: Watch
) -> None:
    (folder / "before.jpg").write_bytes(drawn(1))
    process = watch.start()

    async def there(count: int) -> bool:
        return len(await desk.photos()) == count

    await until(lambda: there(1), seconds=60)
    # in two halves, as a camera writes
    data = drawn(2)
    with (folder / "after.jpg").open("wb") as file:
        file.write(data[: len(data) // 2])
        file.flush()
        (folder / "new").mkdir()
        (folder / "new" / "other.jpg").write_bytes(drawn(3))
        await until(lambda: there(2), seconds=60)
        file.write(data[len(data) // 2 :])
    await until(lambda: there(3), seconds=60)
    (folder / "new" / "other.jpg").rename(folder / "renamed.jpg")

    process.send_signal(signal.SIGINT)
    out, _ = await asyncio.to_thread(process.communicate, timeout=30)

    assert process.returncode == 0
    summary = json.loads(out.splitlines()[-1])
    assert (summary["event"], summary["sent"], summary["refused"]) == ("summary", 3, {})
    assert len(await desk.photos()) == 3


async def test_hot_goes_first_and_a_pass_keeps_the_order_of_the_evening(
    desk: Desk, folder: Path, watch: Watch
) -> None:
    (folder / "hot").mkdir()
    for seed, name in enumerate(["third.jpg", "second.jpg", "first.jpg", "hot/now.jpg"]):
        (folder / name).write_bytes(drawn(seed))
        age(folder / name, 60 * (seed + 1) if seed < 3 else 10)
    code, events = await watch.once("--parallel", "1")
    assert code == 0
    sent = [event["file"] for event in events if event["event"] == "sent"]
    assert sent == ["hot/now.jpg", "first.jpg", "second.jpg", "third.jpg"]


async def test_a_cut_in_the_middle_goes_on_where_it_was(
    desk: Desk, folder: Path, watch: Watch
) -> None:
    picture = noisy(drawn(1), 6_000_000, 1)
    (folder / "large.jpg").write_bytes(picture)
    async with line_to(int(desk.url.rpartition(":")[2])) as line:
        watch.url, line.cut_after = line.url, 4_000_000
        code, events = await watch.once()
        assert (code, events[-1]["sent"], events[-1]["errors"]) == (0, 1, 1)
        assert line.cuts == 1
        # less than the file again
        assert line.body_bytes() < 1.5 * len(picture)
        assert line.most_often() <= 2


async def test_a_killed_watcher_sends_nothing_twice(desk: Desk, folder: Path, watch: Watch) -> None:
    for seed in range(6):
        (folder / f"{seed}.jpg").write_bytes(noisy(drawn(seed), 2_000_000, seed))
    async with line_to(int(desk.url.rpartition(":")[2])) as line:
        watch.url = line.url
        watch.start("--parallel", "2", "--limit-kbps", "32000")

        async def some() -> bool:
            return line.body_bytes() > 5_000_000

        await until(some, seconds=60)
        watch.kill()
        code, _ = await watch.once()
        assert code == 0
        assert line.body_bytes() < 1.5 * 12_000_000
        assert line.most_often() <= 2
    assert len(await desk.photos()) == 6


async def test_without_a_server_it_waits_and_sends_when_there_is_one(
    desk: Desk, folder: Path, watch: Watch
) -> None:
    (folder / "a.jpg").write_bytes(drawn(1))
    port = free_port()
    watch.url = f"http://127.0.0.1:{port}"
    process = watch.start()
    assert process.stdout is not None
    first = json.loads(await asyncio.to_thread(process.stdout.readline))
    assert (first["event"], first["text"]) == ("later", "the server cannot be reached")

    async with line_to(int(desk.url.rpartition(":")[2]), port):

        async def there() -> bool:
            return len(await desk.photos()) == 1

        await until(there, seconds=60)
    watch.kill()


async def test_only_one_watcher_works_on_a_journal(desk: Desk, folder: Path, watch: Watch) -> None:
    process = watch.start()
    assert process.stdout is not None
    assert json.loads(await asyncio.to_thread(process.stdout.readline))["event"] == "event"
    code, out = await run_text(watch.words("--once"), desk.token)
    assert code == 1
    assert "Another watcher is at work on this folder" in out
    watch.kill()


async def test_another_event_gets_everything_anew(
    service: Service, desk: Desk, folder: Path, watch: Watch
) -> None:
    (folder / "a.jpg").write_bytes(drawn(1))
    await watch.once()
    async with desk_of(service) as other:
        watch.token = other.token
        code, events = await watch.once()
        assert (code, events[-1]["sent"]) == (0, 1)
        assert len(await other.photos()) == 1


async def test_a_token_that_was_taken_back_ends_the_watcher(
    desk: Desk, folder: Path, watch: Watch
) -> None:
    await desk.call("DELETE", f"/api/admin/events/{desk.event_id}/tokens/{desk.token_id}")
    code, events = await watch.once()
    assert code == 1
    assert "rejects this token" in str(events[0]["text"])


async def test_upload_sends_files_and_says_what_became_of_each(desk: Desk, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(drawn(1))
    (folder / "b.jpg").write_bytes(drawn(2)[:-2000])
    files = [str(folder / name) for name in ("a.jpg", "b.jpg")]
    options = ("--server", desk.url)
    code, events = await run(command("upload", files[0], *options, "--json"), desk.token)
    assert (code, events[-1]["sent"]) == (0, 1)

    code, out = await run_text(command("upload", *files, *options), desk.token)

    assert code == 1
    assert "Sent: 0. Already there: 1. Refused: 1." in out
    assert f"refused: {files[1]}: its end is missing" in out


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("watch", "/nonexistent", "--server", "http://x"), 1, "is not a folder"),
        (("upload", "/nonexistent", "--server", "http://x"), 1, "There is no file"),
        (("upload", "/tmp", "--server", "http://x"), 1, "is a folder: use findme watch"),
        (("watch", ".", "--server", "x"), 2, "begins with https://"),
        (("watch", ".", "--server", "http://x", "--parallel", "0"), 2, "from 1 to 32"),
        (("watch", "."), 2, "--server"),
    ],
)
async def test_wrong_words_are_told_apart(words: tuple[str, ...], code: int, line: str) -> None:
    done, out = await run_text(command(*words), "fmu_token")
    assert done == code
    assert line in out


async def test_without_a_token_it_says_where_to_put_one() -> None:
    code, out = await run_text(command("watch", ".", "--server", "http://127.0.0.1:9"), None)
    assert code == 1
    assert "FINDME_TOKEN" in out


async def test_names_and_clocks_of_photographers_are_on_their_photos(
    service: Service, folder: Path, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2026:11:21 22:00:00"
    Image.open(io.BytesIO(drawn(1))).save(folder / "a.jpg", exif=exif)
    async with desk_of(service, clock_offset_s=-90) as desk:
        watch = Watch(folder, desk.url, desk.token, tmp_path / "journal.sqlite3")
        await watch.once()
        (photo,) = await desk.photos()
        assert photo["taken_at"] == "2026-11-21T21:58:30.000Z"
        path = f"/api/admin/events/{desk.event_id}/tokens/{desk.token_id}"
        changed = await desk.call("PATCH", path, json={"clock_offset_s": 60})
        assert (changed["label"], changed["clock_offset_s"]) == ("Zoe", 60)
        (photo,) = await desk.photos()
        assert photo["taken_at"] == "2026-11-21T22:01:00.000Z"


def test_files_below_a_folder_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(drawn(1))
    (tmp_path / "b.jpg").symlink_to(tmp_path / "gone")
    (tmp_path / "circle").symlink_to(tmp_path)
    assert [sight.name for sight in watcher_folder.look(tmp_path).sights] == ["a.jpg"]
