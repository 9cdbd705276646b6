"""Weight files: the known ones only, prepared once."""

import hashlib
import sys
from pathlib import Path

import pytest

from findme.engine import weights
from findme.engine.weights import Source, WeightsError

SHIPPED = b"weights"


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A package with a weight file."""
    package = tmp_path / "site" / "carrier_of_weights"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    (package / "x.onnx").write_bytes(SHIPPED)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    return Source("carrier_of_weights", "x.onnx", hashlib.sha256(SHIPPED).hexdigest())


def upper(source: Path, target: Path) -> None:
    """Make the file that is kept."""
    target.write_bytes(source.read_bytes().upper())


def test_a_missing_package_is_named() -> None:
    with pytest.raises(WeightsError, match="no_such_package is not installed"):
        weights.locate(Source("no_such_package", "x.onnx", ""))


def test_an_altered_shipped_file_is_refused_by_its_digest(source: Source, tmp_path: Path) -> None:
    path = weights.locate(source)
    path.write_bytes(SHIPPED + b"!")

    with pytest.raises(WeightsError, match=r"was altered: its SHA-256 is .* Install .* again"):
        weights.prepare(tmp_path / "models", source, "x", upper)


def test_a_file_is_prepared_once(source: Source, tmp_path: Path) -> None:
    first = weights.prepare(tmp_path / "models", source, "x", upper)
    made = first.stat().st_mtime_ns

    assert first == weights.prepare(tmp_path / "models", source, "x", upper)
    assert first.read_bytes() == b"WEIGHTS"
    assert first.stat().st_mtime_ns == made


@pytest.mark.parametrize("damage", ["content", "note"])
def test_an_altered_prepared_file_is_refused_and_made_anew_once_deleted(
    source: Source, tmp_path: Path, damage: str
) -> None:
    kept = weights.prepare(tmp_path / "models", source, "x", upper)
    if damage == "content":
        kept.write_bytes(b"WEIGHTZ")
    else:
        kept.with_name(f"{kept.name}.sha256").unlink()

    with pytest.raises(WeightsError, match="Delete it"):
        weights.prepare(tmp_path / "models", source, "x", upper)

    kept.unlink()
    assert weights.prepare(tmp_path / "models", source, "x", upper).read_bytes() == b"WEIGHTS"


def test_a_failed_preparation_leaves_nothing_behind(source: Source, tmp_path: Path) -> None:
    def fail(_source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise WeightsError("cut off")

    with pytest.raises(WeightsError, match="cut off"):
        weights.prepare(tmp_path / "models", source, "x", fail)

    assert list((tmp_path / "models").iterdir()) == []


def test_files_of_former_versions_are_removed(source: Source, tmp_path: Path) -> None:
    kept = weights.prepare(tmp_path / "models", source, "x", upper)
    (tmp_path / "models" / "former-face-1.onnx").write_bytes(b"former")

    weights.remove_others(tmp_path / "models", {kept})

    names = {path.name for path in (tmp_path / "models").iterdir()}
    assert names == {kept.name, f"{kept.name}.sha256"}
