"""YuNet's file rewritten for onnxruntime: any size, pixels as they come."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from findme.engine.block_quantization import dequantise, replace_body


def write_graph(source: Path, target: Path) -> None:
    """Write the shipped file *source* so that it takes any size and pixels as they come.

    Input ``pixels``: uint8, rows x columns x 3 (red, green, blue), sides multiples of 32. Outputs
    for each stride: ``cls``, ``obj``, ``bbox``, ``kps``, 1 x cells x 1, 1, 4, 10.
    """
    model = onnx.load(str(source))
    graph = model.graph
    name = next(item.name for item in graph.input if item.name == "input")
    nodes, weights = dequantise(graph)
    # The network takes blue first: its first filters are reordered instead of each picture.
    first = next(node for node in nodes if node.op_type == "Conv")
    weights["red_first"] = weights[first.input[1]][:, ::-1]
    first.input[1] = "red_first"
    planes = [
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[2, 0, 1]),
        helper.make_node("Cast", ["planes"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["floats", "first_axis"], [name]),
    ]
    weights["first_axis"] = np.array([0], np.int64)
    replace_body(graph, [*planes, *nodes], weights)
    del graph.input[:]
    graph.input.append(
        helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["height", "width", 3])
    )
    for output in graph.output:
        for index, size in enumerate(output.type.tensor_type.shape.dim):
            size.ClearField("dim_value")
            size.dim_param = f"{output.name}_{index}"
    onnx.checker.check_model(model)
    onnx.save(model, str(target))
