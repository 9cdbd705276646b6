"""dlib's five-point landmark regressor: read from its own file, run by numpy on many faces.

Points: outer and inner corner of the eye at the picture's right, outer and inner corner of the
other eye, base of the nose. All coordinates are pixel centres of the picture.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from findme.engine.geometry import similarity
from findme.engine.weights import DlibReader

POINTS = 5
_CASCADES, _TREES, _SPLITS, _LEAVES, _SAMPLES = 15, 500, 15, 16, 800
_LEVELS = 4


@dataclass(frozen=True, slots=True)
class Regressor:
    """A cascade of regression trees over grey differences (Kazemi and Sullivan, 2014)."""

    mean: NDArray[np.float32]
    """Mean shape, 5 x 2, in units of the face's box."""
    pairs: NDArray[np.int16]
    """Which two samples each split compares: cascades x trees x splits x 2."""
    thresholds: NDArray[np.float32]
    """Cascades x trees x splits."""
    leaves: NDArray[np.float32]
    """What each leaf adds to the shape: cascades x trees x leaves x 10."""
    anchors: NDArray[np.int16]
    """The point each sample is taken from: cascades x samples."""
    offsets: NDArray[np.float32]
    """How far from it: cascades x samples x 2."""

    @classmethod
    def load(cls, path: Path) -> "Regressor":
        """Load what :func:`write_arrays` wrote."""
        with np.load(path) as arrays:
            return cls(**{name: arrays[name] for name in arrays.files})

    def points(self, picture: NDArray[np.uint8], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Find the points of n faces; returns n x 5 x 2.

        *picture* is rows x columns x 3, *boxes* n x 4 are the detector's: left, top, right, bottom.
        """
        corners, sides = _squares(boxes)
        shapes = np.tile(self.mean.astype(np.float64), (len(boxes), 1, 1))
        rows = np.arange(len(boxes))[:, None]
        trees = np.arange(_TREES)[None, :]
        for cascade in range(_CASCADES):
            grey = self._sample(picture, corners, sides, shapes, cascade)
            pairs, thresholds = self.pairs[cascade], self.thresholds[cascade]
            node = np.zeros((len(boxes), _TREES), np.intp)
            for _ in range(_LEVELS):
                pair = pairs[trees, node]
                difference = grey[rows, pair[..., 0]] - grey[rows, pair[..., 1]]
                node = 2 * node + np.where(difference > thresholds[trees, node], 1, 2)
            added = self.leaves[cascade][trees, node - _SPLITS].sum(1, dtype=np.float64)
            shapes += added.reshape(-1, POINTS, 2)
        # dlib rounds these to whole pixels, which is much for a small face and gains nothing.
        points: NDArray[np.float64] = corners[:, None] + shapes * sides[:, None, None]
        return points

    def _sample(
        self,
        picture: NDArray[np.uint8],
        corners: NDArray[np.float64],
        sides: NDArray[np.float64],
        shapes: NDArray[np.float64],
        cascade: int,
    ) -> NDArray[np.int32]:
        """Grey values at the cascade's samples, n x samples; outside of the picture 0."""
        height, width = picture.shape[:2]
        anchors, offsets = self.anchors[cascade], self.offsets[cascade].astype(np.float64)
        places = np.empty((len(shapes), _SAMPLES, 2))
        for index, shape in enumerate(shapes):
            turn, _ = similarity(self.mean, shape)
            places[index] = offsets @ turn.T + shape[anchors]
        pixels = np.floor(corners[:, None] + places * sides[:, None, None] + 0.5).astype(np.intp)
        x, y = pixels[..., 0], pixels[..., 1]
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        colours = picture[np.where(inside, y, 0), np.where(inside, x, 0)]
        grey = colours.sum(-1, dtype=np.int32) // 3
        return np.where(inside, grey, 0).astype(np.int32)


def _squares(boxes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Upper left corners and spans of the squares that dlib's regressor expects.

    The centre is moved down by 5 % of the height, the side is the mean of both: the middle of the
    plateau on two labelled sets. dlib counts the last pixel in, so its span is one pixel less.
    """
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    side = (width + height) / 2
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    centre[:, 1] += 0.05 * height
    return np.rint(centre - side[:, None] / 2), np.maximum(np.rint(side) - 1, 1)


def write_arrays(source: Path, target: Path) -> None:
    """Write ``shape_predictor_5_face_landmarks.dat`` as numpy arrays (reading it takes 2 s)."""
    reader = DlibReader(source.read_bytes())
    reader.expect(reader.integer(), 1)
    mean = np.array(reader.matrix(), np.float32).reshape(POINTS, 2)
    reader.expect(reader.integer(), _CASCADES)
    pairs = np.empty((_CASCADES, _TREES, _SPLITS, 2), np.int16)
    thresholds = np.empty((_CASCADES, _TREES, _SPLITS), np.float32)
    leaves = np.empty((_CASCADES, _TREES, _LEAVES, 2 * POINTS), np.float32)
    for cascade in range(_CASCADES):
        reader.expect(reader.integer(), _TREES)
        for tree in range(_TREES):
            reader.expect(reader.integer(), _SPLITS)
            for split in range(_SPLITS):
                pairs[cascade, tree, split] = reader.integers(2)
                thresholds[cascade, tree, split] = reader.real()
            reader.expect(reader.integer(), _LEAVES)
            for leaf in range(_LEAVES):
                leaves[cascade, tree, leaf] = reader.matrix()
    anchors = [reader.integers(reader.integer()) for _ in range(reader.integer())]
    offsets = [[reader.reals(2) for _ in range(reader.integer())] for _ in range(reader.integer())]
    reader.expect(reader.offset, len(reader.data))
    with target.open("wb") as file:
        np.savez_compressed(
            file,
            mean=mean,
            pairs=pairs,
            thresholds=thresholds,
            leaves=leaves,
            anchors=np.array(anchors, np.int16),
            offsets=np.array(offsets, np.float32),
        )
