"""Where the faces of a picture are and how they are tilted, whichever way up the picture lies.

YuNet finds upright faces and, with points that are wrong, some of the turned ones. Every face's
points are measured again by CenterFace, whose score tells whether it stands upright by them. If it
does not, or no face is found at all, the picture is looked at turned.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from findme.engine.centerface import LandmarkDetector
from findme.engine.detections import Detections, merge
from findme.engine.geometry import roll
from findme.engine.landmarks import refine, uprightness
from findme.engine.tiling import HINT, THRESHOLD, look, look_at
from findme.engine.yunet import Detector

UPRIGHT = 0.7
"""CenterFace's score of an upright face: 0.72 to 0.9 on the labelled set; of one on its side or
head 0.05 to 0.6."""
TURNED, AHEAD = 0.5, 0.15
"""A face is turned if its score is as high when looked at turned, and better by the second."""
DEMOTED = 0.5
"""Factor of the score of faces that are likely turned: what the turned picture shows is better."""
CONFIRMED = 0.3
"""CenterFace's score of a face, however it lies: 0.39 and more; of what is none, below 0.25."""
FEW_PIXELS, CONFIRMED_SMALL = 64.0, 0.5
"""Below this side in pixels there is little to see, and CenterFace must be surer: it gives faces of
20 to 60 pixels 0.55 and more, and what looks like one in knitwear or leaves up to 0.36."""
SURE = 0.7
"""YuNet's score from which a face needs no confirmation (its back, its half, a mask)."""
MOST_CHECKED = 8
"""Doubtful faces of a picture that are looked at turned, the largest first: crowds have many."""
CANDIDATES = 2
"""Of a crowd, this many times the faces that are wanted are looked at by CenterFace."""
PROBE_SIDE = 320
"""If nothing was found, the turned pictures are looked at with this longer side first."""
SAME = 0.3
"""Faces whose points lie this near to each other, in sides of the larger box, are the same."""
_TRANSPOSE = {
    1: Image.Transpose.ROTATE_270,
    2: Image.Transpose.ROTATE_180,
    3: Image.Transpose.ROTATE_90,
}
"""What turns a picture clockwise by a number of quarters."""


class FaceFinder:
    """Both detectors together; may be used from many threads."""

    def __init__(self, detector: Detector, landmarks: LandmarkDetector) -> None:
        self._detector = detector
        self._landmarks = landmarks

    def find(self, picture: Image.Image, most: int) -> Detections:
        """Find the faces of an RGB picture, largest first, *most* at most, with refined points.

        The score of a face is the better one of both detectors.
        """
        seen = largest(look(self._detector, picture), CANDIDATES * most)
        seen, upright = self._refined(picture, seen)
        turns = self._turns(picture, seen, upright)
        faces = are_faces(seen, upright)
        scores = np.maximum(seen.scores, upright)
        for index in turns:
            # Measured by points that are likely wrong: it stays if the turned picture shows none.
            scores[index] *= DEMOTED if upright[index] < UPRIGHT else 1.0
        parts = [Detections(seen.boxes, scores, seen.points).pick(faces)]
        for quarters in sorted(set(turns.values())) or self._probed(picture, found=faces.any()):
            parts.append(self._turned(picture, quarters, most))
        return largest(each_once(merge(parts)), most)

    def _probed(self, picture: Image.Image, *, found: np.bool_) -> list[int]:
        """Quarter turns that show a face if none was *found*."""
        if found:
            return []
        scale = min(1.0, PROBE_SIDE / max(picture.size))
        width, height = (max(1, round(length * scale)) for length in picture.size)
        reduced = picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
        return [
            quarters
            for quarters, transpose in _TRANSPOSE.items()
            if len(look_at(self._detector, reduced.transpose(transpose), PROBE_SIDE, HINT))
        ]

    def _turned(self, picture: Image.Image, quarters: int, most: int) -> Detections:
        """Find the faces that stand upright after *quarters* clockwise quarter turns."""
        turned = picture.transpose(_TRANSPOSE[quarters])
        found, upright = self._refined(turned, largest(look(self._detector, turned), most))
        scores = np.maximum(found.scores, upright)
        kept = are_faces(found, upright) & (upright > CONFIRMED)
        return (
            Detections(found.boxes, scores, found.points)
            .pick(kept)
            .turned(4 - quarters, turned.size)
        )

    def _refined(
        self, picture: Image.Image, found: Detections
    ) -> tuple[Detections, NDArray[np.float64]]:
        """Measure the points of all faces again; also returns how upright each stands (0 to 1)."""
        refined = [refine(self._landmarks, picture, points) for points in found.points]
        if not refined:
            return found, np.empty(0)
        points, scores = zip(*refined, strict=True)
        return Detections(found.boxes, found.scores, np.stack(points)), np.array(scores)

    def _turns(
        self, picture: Image.Image, found: Detections, upright: NDArray[np.float64]
    ) -> dict[int, int]:
        """Clockwise quarter turns that make faces upright, by the index of each turned face."""
        turns: dict[int, int] = {}
        for index, points in enumerate(found.points):
            # Its points followed a face on its side: others beside it may have been missed.
            if upright[index] > UPRIGHT and (quarters := -round(roll(points) / 90) % 4):
                turns[index] = quarters
        for index in np.flatnonzero(upright < UPRIGHT)[:MOST_CHECKED].tolist():
            places = [_turned_points(found.boxes[index], quarters) for quarters in _TRANSPOSE]
            scores = uprightness(self._landmarks, picture, places)
            best = int(np.argmax(scores))
            if scores[best] > max(TURNED, upright[index] + AHEAD):
                turns[index] = best + 1
        return turns


def are_faces(found: Detections, upright: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which are faces, by the scores of both detectors."""
    least = np.where(upright > CONFIRMED, THRESHOLD, SURE)
    faces: NDArray[np.bool_] = (found.scores > least) | (upright > UPRIGHT)
    return faces & ((found.sides >= FEW_PIXELS) | (upright > CONFIRMED_SMALL))


def largest(found: Detections, most: int) -> Detections:
    """Pick the *most* largest, largest first."""
    spans = found.boxes[:, 2:] - found.boxes[:, :2]
    return found.pick(np.argsort(-spans.prod(1), kind="stable")[:most])


def each_once(found: Detections) -> Detections:
    """Leave out boxes that are of the same face as a better one by their points.

    *found* is best first. A box that is much larger than its face overlaps too little to be told
    by that; its points come out at the same place.
    """
    centres, sides = found.points.mean(1), found.sides
    kept: list[int] = []
    for index, centre in enumerate(centres):
        near = np.linalg.norm(centres[kept] - centre, axis=1)
        if (near >= SAME * np.maximum(sides[kept], sides[index])).all():
            kept.append(index)
    return found.pick(np.array(kept, np.intp))


def _turned_points(box: NDArray[np.float64], quarters: int) -> NDArray[np.float64]:
    """Return the points of an average face in *box* that *quarters* clockwise turns set upright."""
    centre = (box[:2] + box[2:]) / 2
    points = _IN_BOX * (box[2:] - box[:2]).mean()
    for _ in range(4 - quarters):
        points = np.stack([-points[:, 1], points[:, 0]], 1)
    places: NDArray[np.float64] = centre + points
    return places


_IN_BOX = np.array([[-0.2, -0.1], [0.2, -0.1], [0.0, 0.1], [-0.16, 0.25], [0.16, 0.25]])
"""Points of an average face from the middle of its box, in box sides."""
