"""The rewritten face network beside the shipped one, computed layer by layer as it stands there."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from findme.engine import sface_graph, weights
from findme.engine.block_quantization import dequantise, replace_body
from findme.engine.embedding import Embedder
from findme.engine.onnx_session import open_session
from tests.support.engine_service import astronaut

CHIPS = np.stack(
    [
        np.asarray(astronaut().crop((166, 44, 286, 164)).resize((112, 112))),
        np.random.default_rng(1).integers(0, 256, (112, 112, 3), np.uint8),
    ]
)


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    target = tmp_path_factory.mktemp("sface") / "sface.onnx"
    sface_graph.write_graph(weights.locate(weights.FACE_NETWORK), target)
    return Embedder(target)


def test_folding_changes_no_vector(embedder: Embedder, tmp_path: Path) -> None:
    """Only dequantised: PRelu and normalisations are nodes of their own."""
    model = onnx.load(str(weights.locate(weights.FACE_NETWORK)))
    nodes, values = dequantise(model.graph)
    replace_body(model.graph, nodes, values)
    inputs = [item for item in model.graph.input if item.name == "data"]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    for item in (*model.graph.input, *model.graph.output):
        item.type.tensor_type.shape.dim[0].dim_param = "n"
    onnx.save(model, str(tmp_path / "plain.onnx"))

    pixels = CHIPS.transpose(0, 3, 1, 2).astype(np.float32)
    plain = open_session(tmp_path / "plain.onnx").run(None, {"data": pixels})[0]

    plain /= np.linalg.norm(plain, axis=1, keepdims=True)
    assert np.abs(plain - embedder.embed(CHIPS)).max() < 1e-5


def test_vectors_have_length_one_and_no_face_has_none(embedder: Embedder) -> None:
    assert np.allclose(np.linalg.norm(embedder.embed(CHIPS), axis=1), 1.0, atol=1e-6)
    assert embedder.embed(CHIPS[:0]).shape == (0, 128)


def test_a_vector_does_not_depend_on_its_neighbours_in_the_batch(embedder: Embedder) -> None:
    many = embedder.embed(np.concatenate([CHIPS] * 3))

    assert np.abs(many[4:] - embedder.embed(CHIPS)).max() < 1e-5
