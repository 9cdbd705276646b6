"""Files in memory are taken from a child only as nobody can change them any more."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from findme.pixels import sealed_files
from findme.pixels.sealed_files import BadFile


@pytest.fixture
def opened_files() -> Iterator[list[int]]:
    """Descriptors that are closed after the test."""
    files: list[int] = []
    yield files
    for file in files:
        os.close(file)


def test_a_sealed_file_is_read_and_mapped() -> None:
    with sealed_files.opened(b"picture" * 1000) as file:
        assert sealed_files.read(file, 7000) == b"picture" * 1000
        with sealed_files.mapped(file, 7000) as data:
            assert data[:7] == b"picture"


def test_a_sealed_file_never_changes() -> None:
    with sealed_files.opened(b"picture") as file:
        with pytest.raises(PermissionError):
            os.pwrite(file, b"!", 0)
        with pytest.raises(PermissionError):
            os.ftruncate(file, 0)


def test_a_file_that_is_too_large_or_empty_is_not_taken() -> None:
    for data in (b"picture", b""):
        with sealed_files.opened(data) as file:
            for take in (sealed_files.read, sealed_files.mapped):
                with pytest.raises(BadFile):
                    take(file, 6)


def test_what_is_no_sealed_file_in_memory_is_not_taken(
    tmp_path: Path, opened_files: list[int]
) -> None:
    (tmp_path / "file").write_bytes(b"picture")
    on_disk = os.open(tmp_path / "file", os.O_RDONLY)
    unsealed = os.memfd_create("picture", os.MFD_ALLOW_SEALING)
    os.write(unsealed, b"picture")
    for file in (on_disk, unsealed, *os.pipe()):
        opened_files.append(file)
        with pytest.raises(BadFile):
            sealed_files.read(file, 100)
