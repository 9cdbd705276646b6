"""CenterFace: where the faces of a picture are, with five points for each."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

from findme.engine.geometry import keep_best
from findme.engine.onnx_session import open_session

THRESHOLD = 0.35
"""Least score of a face: 325 of 325 clear faces of two labelled sets, 2 more than there are."""
OVERLAP = 0.3
"""Boxes that share this part of their union are the same face."""
STRIDE = 4
"""One cell of the network's maps is 4 x 4 pixels."""
MULTIPLE = 32
"""The network halves five times, so sides must be multiples of this."""
_OUTPUTS = {"537": 1, "538": 2, "539": 2, "540": 10}


@dataclass(frozen=True, slots=True)
class Detections:
    """The faces of one picture, best first, in pixels of that picture (edges, not centres)."""

    boxes: NDArray[np.float64]
    """n x 4: left, top, right, bottom; may reach beyond the picture's edge."""
    scores: NDArray[np.float64]
    """n, each from 0 to 1."""
    points: NDArray[np.float64]
    """n x 5 x 2: eyes (the one at the picture's left first), nose, corners of the mouth."""

    def __len__(self) -> int:
        return len(self.scores)


def write_graph(source: Path, target: Path) -> None:
    """Write CenterFace so that it takes any size and pixels as they come.

    Input ``pixels``: uint8, rows x columns x 3 (red, green, blue), sides multiples of 32.
    Outputs: heat, scale, offset and points at a quarter of the size.
    """
    model = onnx.load(str(source))
    graph = model.graph
    # Weights named as inputs can't be folded by the runtime; they are constants here.
    del graph.input[:]
    del graph.value_info[:]
    graph.input.append(
        helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["height", "width", 3])
    )
    planes = [
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[2, 0, 1]),
        helper.make_node("Cast", ["planes"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["floats"], ["input.1"], axes=[0]),
    ]
    for node in reversed(planes):
        graph.node.insert(0, node)
    # Counters of its training, which nothing reads; the runtime would warn of each.
    used = {name for node in graph.node for name in node.input}
    kept = [weight for weight in graph.initializer if weight.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.output[:]
    for name, channels in _OUTPUTS.items():
        graph.output.append(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, "rows", "columns"])
        )
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


class Detector:
    """CenterFace in onnxruntime; one detector serves any number of threads."""

    def __init__(self, path: Path) -> None:
        self._session = open_session(path)

    def detect(self, picture: Image.Image, side: int, threshold: float = THRESHOLD) -> Detections:
        """Find the faces of an RGB *picture*, looked at with *side* pixels at its longer side."""
        scale = side / max(picture.size)
        width, height = (_fit(length * scale) for length in picture.size)
        reduced = picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
        outputs = self._session.run(list(_OUTPUTS), {"pixels": np.asarray(reduced)})
        heat, scales, offsets, points = (output[0].astype(np.float64) for output in outputs)
        found = decode(heat[0], scales, offsets, points, threshold)
        factor = np.array([picture.width / width, picture.height / height])
        return Detections(found.boxes * np.tile(factor, 2), found.scores, found.points * factor)


def _fit(length: float) -> int:
    """Round to the nearest side that the network takes."""
    return max(MULTIPLE, MULTIPLE * round(length / MULTIPLE))


def decode(
    heat: NDArray[np.float64],
    scales: NDArray[np.float64],
    offsets: NDArray[np.float64],
    points: NDArray[np.float64],
    threshold: float,
) -> Detections:
    """Read the faces off the network's maps (rows x columns, channels first where many).

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
