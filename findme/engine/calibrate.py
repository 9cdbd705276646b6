"""``python -m findme.engine.calibrate --photos DIR``: which distance means which similarity.

DIR holds ``truth.json``: ``people`` maps a name to a selfie, ``photos`` maps a photo to the
``people`` on it and the number of clear ``faces`` (up to ``faces_max`` with the unclear ones).
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from findme.engine import similarity
from findme.engine.faces import Analyst, Face
from findme.engine.quality_filter import reasons

_CURVE = (0.40, 0.45, 0.48, 0.49, 0.50, 0.505, 0.51, 0.52, 0.53, 0.54, 0.55, 0.56, 0.565)
_CURVE_BEYOND = (0.57, 0.58, 0.60, 0.62)


@dataclass(frozen=True, slots=True)
class Measured:
    """What the labelled pictures gave."""

    distances: NDArray[np.float64]
    """Of each pair of a guest and a photo: from the selfie to the nearest face on the photo."""
    same: NDArray[np.bool_]
    """Whether the guest is on that photo."""
    clear: int
    """Clear faces there are on the photos."""
    found: int
    """Of them, how many were found and would be indexed, counted photo by photo."""
    beyond: int
    """Faces indexed beyond those that there are."""

    def at(self, distance: float) -> tuple[float, float, int]:
        """Precision, recall and number of wrong pairs when nearer pairs count as matches."""
        matched = self.distances <= distance
        right = int((matched & self.same).sum())
        wrong = int(matched.sum()) - right
        return right / max(1, right + wrong), right / int(self.same.sum()), wrong


def measure(analyst: Analyst, photos: Path) -> Measured:
    """Look at every labelled picture below *photos*."""
    truth = read_truth(photos)
    selfies = {
        name: _indexed(analyst, photos / path)[0].vector for name, path in truth["people"].items()
    }
    distances: list[float] = []
    same: list[bool] = []
    clear = found = beyond = 0
    for path, label in truth["photos"].items():
        faces = _indexed(analyst, photos / path)
        clear += label["faces"]
        found += min(len(faces), label["faces"])
        beyond += max(0, len(faces) - label.get("faces_max", label["faces"]))
        for name, selfie in selfies.items():
            apart = [float(np.linalg.norm(face.vector - selfie)) for face in faces]
            distances.append(min(apart, default=np.inf))
            same.append(name in label["people"])
    return Measured(np.array(distances), np.array(same), clear, found, beyond)


def read_truth(photos: Path) -> dict[str, Any]:
    """Read who is on which of the *photos*."""
    truth: dict[str, Any] = orjson.loads((photos / "truth.json").read_bytes())
    return truth


def _indexed(analyst: Analyst, picture: Path) -> list[Face]:
    """Find the faces that IndexFaces would store, largest first."""
    faces = analyst.faces(picture.read_bytes())
    return [face for face in faces if not reasons(face, "AUTO")]


def report(measured: Measured) -> Iterator[str]:
    """Write the curve as a Markdown table, then the anchors and the nearest mistakes."""
    yield f"{measured.found} of {measured.clear} clear faces indexed, {measured.beyond} too many."
    yield ""
    yield "| distance | similarity | precision | recall | wrong |"
    yield "|---|---|---|---|---|"
    for distance in _CURVE + _CURVE_BEYOND:
        precision, recall, wrong = measured.at(distance)
        percent = similarity.of_distance(distance)
        yield f"| {distance:.3f} | {percent:.1f} | {precision:.3f} | {recall:.3f} | {wrong} |"
    yield ""
    nearest_wrong = measured.distances[~measured.same].min()
    farthest_right = np.sort(measured.distances[measured.same])[::-1][:3]
    yield f"Nearest wrong pair at {nearest_wrong:.3f}; farthest right pairs at " + ", ".join(
        f"{distance:.3f}" for distance in farthest_right
    )
    yield "Anchors: " + ", ".join(
        f"{distance:g} is {percent:g}" for distance, percent in similarity.ANCHORS
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m findme.engine.calibrate")
    parser.add_argument("--photos", type=Path, required=True, help="folder with truth.json")
    parser.add_argument("--data-dir", type=Path, default=Path("var"), help="keeps the models")
    options = parser.parse_args(arguments)
    analyst = Analyst.load(options.data_dir / "models")
    for line in report(measure(analyst, options.photos)):
        sys.stdout.write(f"{line}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
