"""Weights that OpenCV Zoo ships as int8 with a scale for each block, back to float32.

The files name their weights as graph inputs and dequantise them at every run, which onnxruntime
does slowly or not at all; here it is done once.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Weights = dict[str, NDArray[np.generic]]


def dequantise(graph: onnx.GraphProto) -> tuple[list[onnx.NodeProto], Weights]:
    """Return the nodes that compute something, and all weights by name, quantised ones in float32.

    Nodes that only unpack, reshape or name weights are gone; a Dropout is passed by.
    """
    weights: Weights = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    passed: dict[str, str] = {}
    for node in graph.node:
        output = node.output[0]
        if node.op_type == "DequantizeLinear":
            weights[output] = _unpack(node, weights)
        elif node.op_type == "Reshape" and node.input[0] in weights:
            shape = weights[node.input[1]].astype(np.int64)
            weights[output] = weights[node.input[0]].reshape(shape.tolist())
        elif node.op_type == "Constant":
            weights[output] = numpy_helper.to_array(node.attribute[0].t)
        elif node.op_type == "Dropout":
            passed[output] = node.input[0]
        else:
            nodes.append(node)
    for node in nodes:
        for index, name in enumerate(node.input):
            node.input[index] = passed.get(name, name)
    return nodes, weights


def _unpack(node: onnx.NodeProto, weights: Weights) -> NDArray[np.float32]:
    """(q - zero point) x scale, both of which hold for a block of values along one axis."""
    quantised, scale, zero = (weights[name] for name in node.input)
    attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    axis, block = attributes["axis"], attributes["block_size"]
    cut = [slice(None)] * quantised.ndim
    cut[axis] = slice(0, quantised.shape[axis])
    spread_scale, spread_zero = (
        np.repeat(values, block, axis=axis)[tuple(cut)].astype(np.float32)
        for values in (scale, zero)
    )
    values: NDArray[np.float32] = (quantised.astype(np.float32) - spread_zero) * spread_scale
    return values


def replace_body(graph: onnx.GraphProto, nodes: list[onnx.NodeProto], weights: Weights) -> None:
    """Give *graph* these nodes, and of *weights* those that they read."""
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    del graph.initializer[:]
    graph.initializer.extend(
        numpy_helper.from_array(np.ascontiguousarray(values), name)
        for name, values in weights.items()
        if name in used
    )
    del graph.value_info[:]
