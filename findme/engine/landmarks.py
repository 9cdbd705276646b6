"""dlib's five-point landmark regressor: read from its own file, run by numpy on many faces.

Points: outer and inner corner of the eye at the picture's right, outer and inner corner of the
other eye, base of the nose. All coordinates are pixel centres of the picture.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from findme.engine.weights import DlibReader

POINTS = 5
_CASCADES, _TREES, _SPLITS, _LEAVES, _SAMPLES = 15, 500, 15, 16, 800
_LEVELS = 4
_ONES = np.ones(_TREES, np.float32)
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Regressor:
    """A cascade of regression trees over grey differences (Kazemi and Sullivan, 2014).

    Points are complex numbers, x + iy, so that to turn and scale one is to multiply it. The nodes
    of a cascade stand level by level, the trees beside each other: number k of one level has the
    children 2k and 2k + 1 of the next, and all trees of all faces are walked at once.
    """

    mean: NDArray[np.complex128]
    """Mean shape, 5 points, in units of the face's box."""
    first: NDArray[np.intp]
    """The sample from which each node subtracts, cascades x nodes."""
    second: NDArray[np.intp]
    """The sample that each node subtracts."""
    thresholds: NDArray[np.float32]
    """Child 2k follows where the difference is greater, else 2k + 1."""
    leaves: NDArray[np.float32]
    """What each leaf adds to the shape, x and y in turn: cascades x (trees x leaves) x 10."""
    anchors: NDArray[np.intp]
    """The point each sample is taken from: cascades x samples."""
    offsets: NDArray[np.complex128]
    """How far from it: cascades x samples."""

    @classmethod
    def load(cls, path: Path) -> "Regressor":
        """Load what :func:`write_arrays` wrote."""
        with np.load(path) as arrays:
            loaded = {name: arrays[name] for name in arrays.files}
        for name in ("first", "second", "anchors"):
            # Indices in the machine's own width: numpy would convert them at every use.
            loaded[name] = loaded[name].astype(np.intp)
        return cls(**loaded)

    def points(self, picture: Image.Image, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Find the points of n faces on an RGB picture; returns n x 5 x 2.

        *boxes*, n x 4, are the detector's: left, top, right, bottom.
        """
        corners, sides = squares(boxes)
        surroundings = _Surroundings(picture, corners, sides)
        shapes = np.tile(self.mean, (len(boxes), 1))
        # All samples stand in one row, in which those of a face begin at its number x 800.
        begin = np.arange(len(boxes))[:, None] * _SAMPLES
        for cascade in range(_CASCADES):
            grey = surroundings.grey(corners + sides * self._samples(shapes, cascade)).ravel()
            first, second = self.first[cascade], self.second[cascade]
            place = np.tile(np.arange(_TREES), (len(boxes), 1))
            for level in range(_LEVELS):
                node = place + _TREES * (2**level - 1)
                difference = grey.take(first.take(node) + begin)
                difference -= grey.take(second.take(node) + begin)
                place += place
                place += difference <= self.thresholds[cascade].take(node)
            # A product with ones adds up the trees several times faster than sum() does.
            added = _ONES @ self.leaves[cascade].take(place, axis=0)
            shapes += added.astype(np.float64).view(np.complex128)
        # dlib rounds these to whole pixels, which is much for a small face and gains nothing.
        found = corners + sides * shapes
        return np.stack([found.real, found.imag], -1)

    def _samples(self, shapes: NDArray[np.complex128], cascade: int) -> NDArray[np.complex128]:
        """Where the cascade looks on each shape, n x samples, in units of the face's box."""
        centred = self.mean - self.mean.mean()
        # The least-squares similarity from the mean shape, as one factor.
        turns = shapes @ centred.conj() / (abs(centred) ** 2).sum()
        samples: NDArray[np.complex128] = turns[:, None] * self.offsets[cascade]
        samples += shapes.take(self.anchors[cascade], axis=1)
        return samples


class _Surroundings:
    """The pixels around each face: the whole of a large picture is costly to copy."""

    def __init__(
        self, picture: Image.Image, corners: NDArray[np.complex128], sides: NDArray[np.float64]
    ) -> None:
        # Half a side more each way; the farthest look on the labelled photos was at 0.35. Crops
        # are black beyond the picture's edge, which is what dlib takes for it.
        self._origins = np.floor(corners.view(np.float64) - sides / 2).astype(np.int64)
        self._spans = np.ceil(2 * sides).astype(np.int64) + 1
        boxes = np.hstack([self._origins, self._origins + self._spans])
        parts = [np.asarray(picture.crop(tuple(box))).reshape(-1, 3) for box in boxes.tolist()]
        self._pixels = np.concatenate(parts)
        self._begin = np.cumsum([0, *(len(part) for part in parts[:-1])])[:, None]

    def grey(self, places: NDArray[np.complex128]) -> NDArray[np.float32]:
        """Grey values at the pixels nearest to *places*, n x samples of the picture."""
        local = places.view(np.float64).reshape(*places.shape, 2)
        local -= self._origins[:, None] - 0.5
        x, y = np.moveaxis(np.floor(local, out=local).astype(np.int64), -1, 0)
        # What is below zero is huge without its sign, so one comparison sees both edges.
        spans = self._spans.view(np.uint64)
        inside = (x.view(np.uint64) < spans) & (y.view(np.uint64) < spans)
        index = np.where(inside, y * self._spans + x, 0) + self._begin
        colours = self._pixels.take(index, axis=0)
        total = colours[..., 0].astype(np.uint16)
        total += colours[..., 1]
        total += colours[..., 2]
        total //= 3
        total *= inside
        grey: NDArray[np.float32] = total.astype(np.float32)
        return grey


def squares(boxes: NDArray[np.float64]) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Upper left corners and spans, n x 1 each, of the squares that dlib's regressor expects.

    The centre is moved down by 5 % of the height, the side is the mean of both: the middle of the
    plateau on two labelled sets. dlib counts the last pixel in, so its span is one pixel less.
    """
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    side = (width + height) / 2
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    centre[:, 1] += 0.05 * height
    corners = np.rint(centre - side[:, None] / 2).view(np.complex128)
    return corners, np.maximum(np.rint(side) - 1, 1)[:, None]


def write_arrays(source: Path, target: Path) -> None:
    """Write ``shape_predictor_5_face_landmarks.dat`` as numpy arrays (reading it takes 2 s)."""
    reader = DlibReader(source.read_bytes())
    reader.expect(reader.integer(), 1)
    mean = _complex(reader.matrix())
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
            first=_by_level(pairs[..., 0]),
            second=_by_level(pairs[..., 1]),
            thresholds=_by_level(thresholds),
            leaves=leaves.reshape(_CASCADES, -1, 2 * POINTS),
            anchors=np.array(anchors, np.int16),
            offsets=_complex(offsets)[..., 0],
        )


def _by_level(nodes: NDArray[T]) -> NDArray[T]:
    """Cascades x trees x splits (root, its children, theirs) as cascades x nodes, by level."""
    levels = [nodes[:, :, 2**level - 1 : 2 ** (level + 1) - 1] for level in range(_LEVELS)]
    return np.concatenate([level.reshape(_CASCADES, -1) for level in levels], 1)


def _complex(pairs: ArrayLike) -> NDArray[np.complex128]:
    """Pairs of x and y, one after the other in the last dimension, as complex numbers."""
    values: NDArray[np.complex128] = np.array(pairs, np.float64).view(np.complex128)
    return values
