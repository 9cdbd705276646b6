"""CenterFace's file rewritten for onnxruntime: any size and number, pixels as they come."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from findme.engine.centerface import OUTPUTS


def write_graph(source: Path, target: Path) -> None:
    """Write CenterFace so that it takes any size and pixels as they come.

    Input ``pixels``: uint8, n x rows x columns x 3 (red, green, blue), sides multiples of 32.
    Outputs: heat, scale, offset and points at a quarter of the size, channels first.
    """
    model = onnx.load(str(source))
    graph = model.graph
    # Weights named as inputs can't be folded by the runtime; they are constants here.
    del graph.input[:]
    del graph.value_info[:]
    graph.input.append(
        helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", "height", "width", 3])
    )
    planes = [
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["input.1"], to=TensorProto.FLOAT),
    ]
    for node in reversed(planes):
        graph.node.insert(0, node)
    # Counters of its training, which nothing reads; the runtime would warn of each.
    used = {name for node in graph.node for name in node.input}
    kept = [weight for weight in graph.initializer if weight.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.output[:]
    for name, channels in OUTPUTS.items():
        shape: list[str | int | None] = ["n", channels, "rows", "columns"]
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    onnx.checker.check_model(model)
    onnx.save(model, str(target))
