"""How models are run: on the processor, each call on the thread that makes it."""

from functools import cache
from pathlib import Path

import onnxruntime


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """Load the ONNX file at *path*; one session serves any number of threads."""
    _share_memory()
    options = onnxruntime.SessionOptions()
    # Many pictures at once beat one picture on many cores, and leave the others a share.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # A plan of the memory for each size of picture would make it grow by 100 MB.
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.use_env_allocators", "1")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@cache
def _share_memory() -> None:
    """Give all sessions one arena: the maps of one network are free for the next.

    An arena for each costs 45 MB more at the peak; none costs a sixth of the time, for fresh pages.
    """
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    onnxruntime.create_and_register_allocator(memory, None)
