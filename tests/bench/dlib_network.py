"""dlib's face network as FindMe ran it before SFace: read from dlib's file, written as ONNX.

Only the yardstick of the benchmark. Its vectors equal dlib's (largest difference 5e-7 in any
component over 379 faces) at a tenth of the cost.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from findme.engine.weights import WeightsError

CHIP = 150
"""Side of the square picture of an aligned face that the network takes, in pixels."""
DIMENSIONS = 128

_HEADER_END = 334
_TENSOR_LAYERS = 107


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


@dataclass(frozen=True, slots=True)
class Convolution:
    """Filters (out, in, rows, columns) and biases (out) of one convolution."""

    filters: NDArray[np.float32]
    biases: NDArray[np.float32]
    stride: int
    padding: int
    offset: int
    """Where its raw numbers begin in dlib's file."""


@dataclass(frozen=True, slots=True)
class Affine:
    """A factor and a summand for each channel, which follow a convolution."""

    gamma: NDArray[np.float32]
    beta: NDArray[np.float32]
    offset: int


@dataclass(slots=True)
class FaceNetwork:
    """The weights of the network, in the order of computation."""

    means: tuple[float, ...] = ()
    convolutions: list[Convolution] = field(default_factory=list)
    affines: list[Affine] = field(default_factory=list)
    projection: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    projection_offset: int = 0
    length: int = 0
    """Bytes read; the length of the whole file when the reader understood it."""


def read_network(data: bytes) -> FaceNetwork:
    """Read ``dlib_face_recognition_resnet_model_v1.dat``; WeightsError for any other file."""
    reader = DlibReader(data)
    network = FaceNetwork()
    reader.expect(reader.integer(), 1)
    reader.expect(reader.string(), "loss_metric_2")
    reader.reals(2)  # margin and threshold of its training
    kinds = reader.integers(130)
    reader.expect(reader.string(), "input_rgb_image_sized")
    network.means = tuple(reader.reals(3))
    reader.expect(reader.integers(2), [CHIP, CHIP])
    reader.expect(reader.offset, _HEADER_END)
    # Outermost first in the list, innermost first in the body. 1 is a tag, which has no body.
    layers = [kind for kind in reversed(kinds) if kind != 1]
    reader.expect(len(layers), _TENSOR_LAYERS + 1)
    for kind in layers:
        _read_layer(reader, network)
        for _ in range(3):
            reader.flag()
        for _ in range(3):
            reader.tensor()
        if kind == 3:
            reader.integer()
    reader.expect(reader.offset, len(data))
    network.length = reader.offset
    return network


def _read_layer(reader: DlibReader, network: FaceNetwork) -> None:
    """Read one layer's details into *network*."""
    name = reader.string()
    if name == "con_4":
        start, values = _parameters(reader)
        _, _, _, stride, _, padding, _ = reader.integers(7)
        shape = reader.alias()
        reader.alias()
        reader.reals(4)
        split = int(np.prod(shape))
        network.convolutions.append(
            Convolution(values[:split].reshape(shape), values[split:], stride, padding, start)
        )
    elif name == "affine_":
        start, values = _parameters(reader)
        reader.alias()
        reader.alias()
        reader.expect(reader.integer(), 0)
        gamma, beta = np.split(values, 2)
        network.affines.append(Affine(gamma, beta, start))
    elif name in {"max_pool_2", "avg_pool_2"}:
        reader.integers(6)
    elif name == "fc_2":
        outputs, inputs = reader.integers(2)
        start, values = _parameters(reader)
        reader.alias()
        reader.alias()
        reader.expect(reader.integer(), 1)
        reader.reals(4)
        network.projection = values.reshape(inputs, outputs)
        network.projection_offset = start
    elif name not in {"relu_", "add_prev_"}:
        raise WeightsError(f"unknown layer {name!r} at byte {reader.offset}")


def _parameters(reader: DlibReader) -> tuple[int, NDArray[np.float32]]:
    """Offset and flat values of a layer's tensor of parameters."""
    values = reader.tensor().ravel()
    return reader.offset - values.nbytes, values


def write_graph(source: Path, target: Path) -> None:
    """Write dlib's network file *source* as an ONNX file.

    Input ``chips``: uint8, n x 150 x 150 x 3, red green blue. Output ``vectors``: float32,
    n x 128, not normalised (their mean length is about 1.45).
    """
    graph = _Graph(read_network(source.read_bytes()))
    graph.build()
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "dlib_face_recognition_resnet_model_v1",
            [helper.make_tensor_value_info("chips", TensorProto.UINT8, ["n", CHIP, CHIP, 3])],
            [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", DIMENSIONS])],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


class _Graph:
    """Collects the nodes of the network; methods take and return names of values."""

    def __init__(self, network: FaceNetwork) -> None:
        self.network = network
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def build(self) -> None:
        """Stem, 14 residual blocks, the mean over the map, one projection without bias."""
        value = self.node("Transpose", "chips", perm=[0, 3, 1, 2])
        value = self.node("Cast", value, to=TensorProto.FLOAT)
        value = self.node("Relu", self.convolve(value, 0))
        value = self.node("MaxPool", value, kernel_shape=[3, 3], strides=[2, 2])
        size, channels = 35, 32
        for first in range(1, len(self.network.convolutions), 2):
            value, size, channels = self.block(value, first, size, channels)
        value = self.node("Flatten", self.node("GlobalAveragePool", value))
        projection = self.weight(self.network.projection)
        self.nodes.append(helper.make_node("MatMul", [value, projection], ["vectors"]))

    def block(self, value: str, first: int, size: int, channels: int) -> tuple[str, int, int]:
        """One residual block from convolution *first*; returns value, side and channels after."""
        convolution = self.network.convolutions[first]
        branch = self.node("Relu", self.convolve(value, first))
        branch = self.convolve(branch, first + 1)
        outputs = len(convolution.filters)
        if convolution.stride == 2:
            value = self.node("AveragePool", value, kernel_shape=[2, 2], strides=[2, 2])
            # dlib adds over the larger of both shapes and takes what is missing as zeros: new
            # channels of the skip, and the last row and column of a smaller branch.
            value = self.pad(value, outputs - channels, 0)
            branch_size, size = (size - 3) // 2 + 1, size // 2
            branch = self.pad(branch, 0, size - branch_size)
        return self.node("Relu", self.node("Add", branch, value)), size, outputs

    def convolve(self, value: str, index: int) -> str:
        """Convolution *index* with the affine after it folded in."""
        convolution, affine = self.network.convolutions[index], self.network.affines[index]
        filters = convolution.filters.astype(np.float64)
        biases = convolution.biases.astype(np.float64)
        if index == 0:
            # The input is (value - mean) / 256. Exact in the stem, as it pads nothing.
            means = np.array(self.network.means)[:, None, None]
            biases -= (filters * means).sum((1, 2, 3)) / 256
            filters /= 256
        gamma = affine.gamma.astype(np.float64)
        filters *= gamma[:, None, None, None]
        biases = biases * gamma + affine.beta
        return self.node(
            "Conv",
            value,
            self.weight(filters.astype(np.float32)),
            self.weight(biases.astype(np.float32)),
            strides=[convolution.stride] * 2,
            pads=[convolution.padding] * 4,
        )

    def pad(self, value: str, channels: int, side: int) -> str:
        """Zeros after the last channel, below the last row and right of the last column."""
        if not channels and not side:
            return value
        pads = self.weight(np.array([0, 0, 0, 0, 0, channels, side, side], np.int64))
        return self.node("Pad", value, pads)

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Append a node; returns the name of its output."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def weight(self, values: NDArray[np.float32] | NDArray[np.int64]) -> str:
        """Append a constant; returns its name."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name
