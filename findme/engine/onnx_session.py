"""How models are run: on the processor, each call on the thread that makes it."""

from pathlib import Path

import onnxruntime


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """Load the ONNX file at *path*; one session serves any number of threads."""
    options = onnxruntime.SessionOptions()
    # Many pictures at once beat one picture on many cores, and leave the others a share.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # The arena is kept: fresh pages for every map cost a sixth of the time. A plan of the memory
    # for each size of picture would make it grow: 770 MB at the peak on the labelled photos, two
    # at once, instead of 630 to 750 (and 780 without an arena).
    options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
