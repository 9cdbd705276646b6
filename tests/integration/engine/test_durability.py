"""The face service as a process: kept data, locks, signals, the end of its parent."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from findme.engine.collection_store import Gallery, GalleryInUse
from tests.support.engine_service import KEY, SECRET, astronaut, both, connected, jpeg, serving

pytest_plugins = ["tests.support.engine_fixtures"]

ROOT = Path(__file__).parents[3]
PATIENCE = 60
"""Seconds after which a process that should have ended fails the test."""


@contextmanager
def child(data_dir: Path, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """Start ``python -m findme.engine``; it is killed if the test leaves it running."""
    process = subprocess.Popen(
        [sys.executable, "-m", "findme.engine", "--port", "0", "--data-dir", str(data_dir)],
        cwd=ROOT,
        env={
            **os.environ,
            "FINDME_FACES_ACCESS_KEY_ID": KEY,
            "FINDME_FACES_SECRET_ACCESS_KEY": SECRET,
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def on_disk(data_dir: Path) -> bytes:
    """All bytes of the database and its log."""
    return b"".join(path.read_bytes() for path in data_dir.glob("faces.sqlite3*"))


def ready(process: "subprocess.Popen[str]") -> str:
    """Wait for the line that names the address."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"FindMe faces is ready: (http://127\.0\.0\.1:\d+)\n", line)
    assert found, line
    return found[1]


async def test_what_was_answered_survives_a_kill(engine_data: Path) -> None:
    with child(engine_data) as process:
        async with connected(ready(process)) as client:
            await client.create_collection(CollectionId="party")
            indexed = await client.index_faces(
                CollectionId="party", Image={"Bytes": jpeg(both())}, ExternalImageId="p:1"
            )
            process.kill()
    with child(engine_data) as process:
        async with connected(ready(process)) as client:
            listed = await client.list_faces(CollectionId="party")
            found = await client.search_faces_by_image(
                CollectionId="party", Image={"Bytes": jpeg(astronaut())}
            )

    kept = [record["Face"] for record in indexed["FaceRecords"]]
    assert listed["Faces"] == kept
    assert [match["Face"] for match in found["FaceMatches"]] == [kept[1]]


async def test_a_service_that_was_stopped_comes_back_with_everything(engine_data: Path) -> None:
    async with serving(engine_data) as url, connected(url) as client:
        await client.create_collection(CollectionId="party")
        indexed = await client.index_faces(CollectionId="party", Image={"Bytes": jpeg(both())})
        await client.delete_faces(
            CollectionId="party", FaceIds=[indexed["FaceRecords"][0]["Face"]["FaceId"]]
        )
    async with serving(engine_data) as url, connected(url) as client:
        listed = await client.list_faces(CollectionId="party")

    assert listed["Faces"] == [indexed["FaceRecords"][1]["Face"]]


async def test_deleted_vectors_leave_the_disk(engine_data: Path) -> None:
    async with serving(engine_data) as url, connected(url) as client:
        await client.create_collection(CollectionId="party")
        indexed = await client.index_faces(
            CollectionId="party", Image={"Bytes": jpeg(astronaut())}, ExternalImageId="g:trace"
        )
        face_id = indexed["FaceRecords"][0]["Face"]["FaceId"]
        await client.delete_faces(CollectionId="party", FaceIds=[face_id])

        kept = on_disk(engine_data)

    assert b"SQLite format 3" in kept
    assert b"g:trace" not in kept
    assert face_id.encode() not in kept


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0(engine_data: Path, number: signal.Signals) -> None:
    with child(engine_data) as process:
        ready(process)
        process.send_signal(number)

        assert process.wait(PATIENCE) == 0


def test_a_second_service_on_the_same_data_says_why_it_will_not_start(engine_data: Path) -> None:
    gallery = Gallery(engine_data)
    try:
        with child(engine_data) as process:
            out, told = process.communicate(timeout=PATIENCE)
        with pytest.raises(GalleryInUse):
            Gallery(engine_data)
    finally:
        gallery.close()

    assert process.returncode == 1
    assert out == ""
    assert told == f"Another face service is running on {engine_data}.\n"


def test_a_taken_port_is_one_clear_line(engine_data: Path, tmp_path: Path) -> None:
    with child(engine_data) as first:
        port = ready(first).rpartition(":")[2]
        second = subprocess.run(
            [sys.executable, "-m", "findme.engine", "--port", port, "--data-dir", str(tmp_path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    assert second.returncode == 1
    assert "in use" in second.stderr
    assert len(second.stderr.splitlines()) == 1


def test_it_ends_with_its_parent(engine_data: Path) -> None:
    """The parent is a process of its own, which starts the service and is killed."""
    script = (
        "import os, subprocess, sys\n"
        "os.environ['FINDME_FACES_PARENT_PID'] = str(os.getpid())\n"
        "subprocess.run([sys.executable, '-m', 'findme.engine', '--data-dir', sys.argv[1]])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(engine_data)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as parent:
        ready(parent)
        parent.kill()
        assert parent.stdout is not None
        # The service holds the other end of the pipe: it is closed when the service has ended.
        assert parent.stdout.read() == ""

    Gallery(engine_data).close()


def test_a_parent_that_is_gone_already_is_noticed(engine_data: Path) -> None:
    with child(engine_data, FINDME_FACES_PARENT_PID="1") as process:
        out, _ = process.communicate(timeout=PATIENCE)

    assert (process.returncode, out) == (0, "")
