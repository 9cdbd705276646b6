"""The face network: the reader against the places known from dlib's file, the graph by itself."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from findme.engine import network, weights
from findme.engine.embedding import Embedder
from findme.engine.network import CHIP, DIMENSIONS, FaceNetwork
from findme.engine.weights import WeightsError

CONVOLUTION_OFFSETS = [
    352, 19826, 57289, 94796, 132259, 169766, 207229, 244736, 319447, 467987, 616426, 764909,
    913348, 1061831, 1210270, 1358754, 1655419, 2247097, 2838674, 3430295, 4021872, 4613493,
    5796435, 8159127, 10521718, 12884353, 15246944, 17609579, 19972170,
]  # fmt: skip


@pytest.fixture(scope="module")
def read() -> FaceNetwork:
    return network.read_network(weights.locate(weights.FACE_NETWORK).read_bytes())


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "face.onnx"
    network.write_graph(weights.locate(weights.FACE_NETWORK), path)
    return path


def test_the_reader_ends_at_the_end_of_the_file(read: FaceNetwork) -> None:
    assert read.length == 22_466_066
    assert read.means == pytest.approx((122.782, 117.001, 104.298), abs=1e-4)


def test_every_layer_lies_where_it_is_known_to_lie(read: FaceNetwork) -> None:
    assert [layer.offset for layer in read.convolutions] == CONVOLUTION_OFFSETS
    assert read.affines[0].offset == 19400
    assert read.affines[-1].offset == 22332597
    assert read.projection_offset == 22334922


def test_all_parameters_are_there(read: FaceNetwork) -> None:
    count = sum(layer.filters.size + layer.biases.size for layer in read.convolutions)
    strided = [place for place, layer in enumerate(read.convolutions) if layer.stride == 2]

    assert count == 5_574_720
    assert read.projection.shape == (256, DIMENSIONS)
    assert strided == [0, 7, 15, 21, 27]


def test_a_cut_file_is_refused() -> None:
    data = weights.locate(weights.FACE_NETWORK).read_bytes()

    with pytest.raises((WeightsError, ValueError, IndexError)):
        network.read_network(data[:-1])


def test_the_graph_holds_the_layers_and_no_more(graph: Path) -> None:
    kinds = [node.op_type for node in onnx.load(str(graph)).graph.node]

    assert kinds.count("Conv") == 29
    assert kinds.count("Add") == 14
    assert kinds.count("Relu") == 29
    assert kinds.count("AveragePool") == 4
    # Three times new channels for the skip, twice a row and a column for the branch.
    assert kinds.count("Pad") == 5


def test_the_graph_computes_what_the_layers_say(graph: Path, read: FaceNetwork) -> None:
    """The stem and the whole are compared with a plain computation of the same weights."""
    chips = np.random.default_rng(7).integers(0, 256, (1, CHIP, CHIP, 3), np.uint8)

    expected = plain(read, chips[0])

    assert np.abs(Embedder(graph).embed(chips)[0] - expected).max() < 1e-4


def test_a_batch_gives_the_same_as_one_by_one(graph: Path) -> None:
    chips = np.random.default_rng(8).integers(0, 256, (19, CHIP, CHIP, 3), np.uint8)
    embedder = Embedder(graph)

    together = embedder.embed(chips)
    alone = np.concatenate([embedder.embed(chip[None]) for chip in chips])

    assert together.shape == (19, DIMENSIONS)
    assert np.abs(together - alone).max() < 1e-5
    assert embedder.embed(chips[:0]).shape == (0, DIMENSIONS)


def plain(read: FaceNetwork, chip: np.ndarray) -> np.ndarray:
    """dlib's network without folding, in float64: convolutions, affines, sums as it has them."""
    value = ((chip - np.array(read.means)) / 256).transpose(2, 0, 1)
    value = np.maximum(step(read, 0, value), 0)
    windows = np.lib.stride_tricks.sliding_window_view(value, (3, 3), (1, 2))[:, ::2, ::2]
    value = windows.max((-1, -2))
    for first in range(1, 29, 2):
        branch = step(read, first + 1, np.maximum(step(read, first, value), 0))
        if read.convolutions[first].stride == 2:
            even = value[:, : value.shape[1] // 2 * 2, : value.shape[2] // 2 * 2]
            value = (
                even[:, ::2, ::2] + even[:, 1::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, 1::2]
            ) / 4
        shape = np.maximum(branch.shape, value.shape)
        total = np.zeros(shape)
        for part in (branch, value):
            total[: part.shape[0], : part.shape[1], : part.shape[2]] += part
        value = np.maximum(total, 0)
    vector: np.ndarray = value.mean((1, 2)) @ read.projection
    return vector


def step(read: FaceNetwork, index: int, value: np.ndarray) -> np.ndarray:
    """One convolution and the affine after it."""
    layer, affine = read.convolutions[index], read.affines[index]
    pad, stride = layer.padding, layer.stride
    value = np.pad(value, ((0, 0), (pad, pad), (pad, pad)))
    size = layer.filters.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(value, size, (1, 2))
    windows = windows[:, ::stride, ::stride]
    out = np.einsum("crsij,ocij->ors", windows, layer.filters, optimize=True)
    out += layer.biases[:, None, None]
    result: np.ndarray = out * affine.gamma[:, None, None] + affine.beta[:, None, None]
    return result
