"""Which files are taken, whether they have their end, and what is taken out of RAW files."""

import hashlib
import io
from pathlib import Path

import pytest
from PIL import Image

from findme.watcher import picture_files
from findme.watcher.picture_files import IncompleteFile
from tests.support import dng
from tests.support.pictures import drawn


def encoded(kind: str) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(drawn(1))).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_a_complete_picture_has_its_hash_and_a_shorter_one_none(tmp_path: Path, kind: str) -> None:
    path, data = tmp_path / "a.jpg", encoded(kind)
    path.write_bytes(data)
    picture = picture_files.examine(path)
    assert (picture.filename, picture.size_bytes) == ("a.jpg", len(data))
    assert picture.sha256 == hashlib.sha256(data).hexdigest()
    with picture.open() as file:
        assert file.read() == data

    for length in (len(data) // 3, len(data) - 40):
        path.write_bytes(data[:length])
        with pytest.raises(IncompleteFile, match="its end is missing"):
            picture_files.examine(path)


@pytest.mark.parametrize("behind", [bytes(5000), b"a film of some seconds" * 10_000])
def test_what_phones_append_to_a_jpeg_does_no_harm(tmp_path: Path, behind: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(drawn(1) + behind)
    assert picture_files.examine(path).size_bytes == len(drawn(1)) + len(behind)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (b"text", "it is not a JPEG"),
        (bytes(9000), "it is not a JPEG"),
        (b"\0\0\0\x18ftypavif" + bytes(50), "it is not a JPEG"),
        (b"\0\0\0\x18ftypheic" + bytes(50), "its end is missing"),
    ],
)
def test_what_is_no_picture_is_told(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    with pytest.raises(IncompleteFile, match=why):
        picture_files.examine(path)


def test_of_a_raw_file_the_jpeg_of_the_camera_is_taken(tmp_path: Path) -> None:
    path, jpeg = tmp_path / "IMG_1.DNG", drawn(1)
    path.write_bytes(dng.make(jpeg, 640, 480))
    picture = picture_files.examine(path)
    data = picture.open().read()
    assert (picture.filename, picture.size_bytes) == ("IMG_1.jpg", len(data))
    assert picture.sha256 == hashlib.sha256(data).hexdigest()
    # as the camera wrote it, behind what LibRaw tells of it
    assert data.endswith(jpeg[2:])


def test_it_is_turned_as_the_camera_was(tmp_path: Path) -> None:
    path = tmp_path / "IMG_1.dng"
    path.write_bytes(dng.make(drawn(1), 640, 480, orientation=6))
    picture = picture_files.examine(path)
    with Image.open(picture.open()) as image:
        assert image.getexif()[0x0112] == 6
        assert image.size == (640, 480)
        image.load()


def test_a_raw_file_without_a_jpeg_or_its_end_is_told(tmp_path: Path) -> None:
    path = tmp_path / "IMG_1.dng"
    path.write_bytes(dng.make(None, 0, 0))
    with pytest.raises(IncompleteFile, match="no JPEG in this RAW"):
        picture_files.examine(path)
    path.write_bytes(dng.make(drawn(1), 640, 480)[:300])
    with pytest.raises(IncompleteFile, match="RAW file"):
        picture_files.examine(path)


def test_a_raw_file_with_its_jpeg_beside_it_is_known(tmp_path: Path) -> None:
    raw = tmp_path / "IMG_1.CR3"
    assert picture_files.is_raw(raw.name)
    assert not picture_files.has_jpeg_beside(raw)
    (tmp_path / "IMG_1.JPG").touch()
    assert picture_files.has_jpeg_beside(raw)


@pytest.mark.parametrize(
    ("name", "taken"),
    [("a.jpg", True), ("a.JPEG", True), ("a.Hif", True), ("a.nef", True), ("a.mov", False)],
)
def test_files_are_told_by_their_names_first(name: str, taken: bool) -> None:
    assert picture_files.is_picture(name) is taken
