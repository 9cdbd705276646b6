"""Networks are rewritten in a process of its own, whose memory ends with it.

``python -m findme.engine.graphs MODULE SOURCE TARGET`` is that process. The ``onnx`` package and
two copies of the weights are 150 MB, which a service that runs for months would keep.
"""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

from findme.engine.weights import WeightsError


def write_graph(module: str, source: Path, target: Path) -> None:
    """Have ``findme.engine.MODULE`` rewrite the shipped file; WeightsError if that fails."""
    command = [sys.executable, "-m", __spec__.name, module, str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if done.returncode:
        raise WeightsError(f"{source} can't be prepared: {done.stderr.strip()}")


if __name__ == "__main__":
    import_module(f"findme.engine.{sys.argv[1]}").write_graph(Path(sys.argv[2]), Path(sys.argv[3]))
