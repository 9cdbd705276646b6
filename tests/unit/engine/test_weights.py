"""dlib's numbers, and files that are made once."""

from pathlib import Path

import pytest

from findme.engine import weights
from findme.engine.weights import DlibReader, WeightsError


def test_integers_carry_length_and_sign_in_their_first_byte() -> None:
    reader = DlibReader(b"\x01\x05" + b"\x82\x01\x01" + b"\x00")

    assert reader.integers(3) == [5, -257, 0]
    assert reader.offset == 6


def test_floats_are_mantissa_then_exponent() -> None:
    assert DlibReader(b"\x81\x03" + b"\x81\x01").real() == -1.5


def test_strings_and_flags_are_read_as_bytes() -> None:
    reader = DlibReader(b"\x01\x04con_" + b"1" + b"0")

    assert reader.string() == "con_"
    assert (reader.flag(), reader.flag()) == (True, False)


def test_a_matrix_has_negative_sizes() -> None:
    reader = DlibReader(b"\x81\x02\x81\x01" + b"\x01\x03\x00" + b"\x01\x05\x81\x01")

    assert reader.matrix() == [3.0, 2.5]


def test_another_file_is_refused_with_the_place() -> None:
    reader = DlibReader(b"\x01\x07")
    number = reader.integer()

    with pytest.raises(WeightsError, match="byte 2: 7"):
        reader.expect(number, 1)


def test_a_missing_package_is_named() -> None:
    with pytest.raises(WeightsError, match="no_such_package"):
        weights.locate(("no_such_package", "x.onnx"))


def test_a_derived_file_is_made_once_and_follows_its_source(tmp_path: Path) -> None:
    made: list[bytes] = []

    def make(source: Path, target: Path) -> None:
        made.append(source.read_bytes())
        target.write_bytes(source.read_bytes().upper())

    source = tmp_path / "source"
    source.write_bytes(b"one")
    first = weights.derived(tmp_path / "models", source, "x", make)
    assert first == weights.derived(tmp_path / "models", source, "x", make)
    source.write_bytes(b"two")
    second = weights.derived(tmp_path / "models", source, "x", make)

    assert made == [b"one", b"two"]
    assert (first.read_bytes(), second.read_bytes()) == (b"ONE", b"TWO")


def test_a_failed_making_leaves_nothing_behind(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"one")

    def fail(_source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise WeightsError("cut off")

    with pytest.raises(WeightsError, match="cut off"):
        weights.derived(tmp_path / "models", source, "x", fail)

    assert list((tmp_path / "models").iterdir()) == []
