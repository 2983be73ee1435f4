"""The onnxruntime settings of every contender that is not cxpack: those that cxpack uses, on one core."""

from pathlib import Path

import onnxruntime


def a_session(path: str | Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
