"""SFace, the network that tells faces apart: its file rewritten for onnxruntime.

Source: opencv_zoo, face_recognition_sface_2021dec (Apache-2.0); Zhong et al., "SFace:
Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition", 2021.
"""

import copy
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from findme.engine.block_quantization import Weights, dequantise, replace_body
from findme.engine.embedding import CHIP


def write_graph(source: Path, target: Path) -> None:
    """Write the shipped file *source* so that it runs fast.

    Input ``chips``: uint8, n x 112 x 112 x 3, red green blue. Output ``fc1``: float32, n x 128,
    not normalised. Normalisations are folded into the convolutions before them, and PRelu is
    written so that onnxruntime keeps its blocked layout: 14 ms a face instead of 22 (40 as
    shipped), equal to 1e-5.
    """
    model = onnx.load(str(source))
    graph = model.graph
    nodes, weights = dequantise(graph)
    nodes = _fold(nodes, weights)
    planes = [
        helper.make_node("Transpose", ["chips"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["data"], to=TensorProto.FLOAT),
    ]
    replace_body(graph, [*planes, *nodes], weights)
    del graph.input[:]
    graph.input.append(
        helper.make_tensor_value_info("chips", TensorProto.UINT8, ["n", CHIP, CHIP, 3])
    )
    graph.output[0].type.tensor_type.shape.dim[0].dim_param = "n"
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def _fold(nodes: list[onnx.NodeProto], weights: Weights) -> list[onnx.NodeProto]:
    """Fold normalisations and slopes; changes *weights*, returns the nodes that are left."""
    maker = {node.output[0]: node for node in nodes}
    normalised = {
        node.input[0]: node
        for node in nodes
        if node.op_type == "BatchNormalization" and maker[node.input[0]].op_type == "Conv"
    }
    factors: dict[str, NDArray[np.float64]] = {}
    folded: list[onnx.NodeProto] = []
    for node in nodes:
        if node.op_type == "Conv":
            folded.append(_convolution(node, normalised[node.output[0]], weights, factors))
        elif node.op_type == "PRelu":
            folded += _slope(node, weights, factors)
        elif node.op_type != "BatchNormalization":
            folded.append(node)
        elif node.input[0] not in normalised:
            folded.append(_normalisation(node, weights, factors))
    return folded


def _convolution(
    node: onnx.NodeProto,
    normalisation: onnx.NodeProto,
    weights: Weights,
    factors: dict[str, NDArray[np.float64]],
) -> onnx.NodeProto:
    """Convolution with the factor of its input and the normalisation of its output folded in."""
    scale, shift = _scale_and_shift(normalisation, weights)
    filters = weights[node.input[1]].astype(np.float64) * scale[:, None, None, None]
    if node.input[0] in factors:
        factor = factors[node.input[0]]
        depthwise = filters.shape[1] == 1
        filters *= factor[:, None, None, None] if depthwise else factor[None, :, None, None]
    output = normalisation.output[0]
    weights[f"{output}_w"] = filters.astype(np.float32)
    weights[f"{output}_b"] = shift.astype(np.float32)
    folded = copy.deepcopy(node)
    del folded.input[:]
    folded.input.extend([node.input[0], f"{output}_w", f"{output}_b"])
    folded.output[0] = output
    return folded


def _slope(
    node: onnx.NodeProto, weights: Weights, factors: dict[str, NDArray[np.float64]]
) -> list[onnx.NodeProto]:
    """PRelu with slopes a: (1 - a)(relu(x) + a/(1 - a) x), the first factor left to the reader.

    No slope of these weights is nearer to 1 than 0.001, so nothing is lost in the division.
    The product with a constant for each channel is a BatchNormalization here, which onnxruntime
    computes in the layout of the convolutions around it; a PRelu or Mul would leave that layout.
    """
    source, output = node.input[0], node.output[0]
    slope = weights[node.input[1]].reshape(-1).astype(np.float64)
    factor = 1 - slope
    factors[output] = factor
    weights[f"{output}_gamma"] = (slope / factor).astype(np.float32)
    weights[f"{output}_zero"] = np.zeros(len(slope), np.float32)
    weights[f"{output}_one"] = np.ones(len(slope), np.float32)
    linear = [source, *(f"{output}_{name}" for name in ("gamma", "zero", "zero", "one"))]
    return [
        helper.make_node("BatchNormalization", linear, [f"{output}_linear"], epsilon=0.0),
        helper.make_node("Relu", [source], [f"{output}_positive"]),
        helper.make_node("Add", [f"{output}_linear", f"{output}_positive"], [output]),
    ]


def _normalisation(
    node: onnx.NodeProto, weights: Weights, factors: dict[str, NDArray[np.float64]]
) -> onnx.NodeProto:
    """Normalisation that follows no convolution, with the factor of its input folded in."""
    scale, shift = _scale_and_shift(node, weights)
    output = node.output[0]
    scale = scale * factors.get(node.input[0], np.ones(len(scale)))
    weights[f"{output}_gamma"] = scale.astype(np.float32)
    weights[f"{output}_beta"] = shift.astype(np.float32)
    weights[f"{output}_zero"] = np.zeros(len(scale), np.float32)
    weights[f"{output}_one"] = np.ones(len(scale), np.float32)
    inputs = [node.input[0], *(f"{output}_{name}" for name in ("gamma", "beta", "zero", "one"))]
    return helper.make_node("BatchNormalization", inputs, list(node.output), epsilon=0.0)


def _scale_and_shift(
    node: onnx.NodeProto, weights: Weights
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return s and t of the normalisation s x + t, for each channel."""
    gamma, beta, mean, variance = (weights[name].astype(np.float64) for name in node.input[1:])
    epsilon = next(item.f for item in node.attribute if item.name == "epsilon")
    scale = gamma / np.sqrt(variance + epsilon)
    return scale, beta - mean * scale
