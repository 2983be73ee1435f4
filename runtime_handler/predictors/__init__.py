"""python, onnx and tensorflow: each a layout rule, a loader and a client."""

from collections.abc import Mapping

PREDICTORS: Mapping[str, str] = {
    "python": "runtime_handler.predictors.python:PythonPredictorType",
    "onnx": "runtime_handler.predictors.onnx:OnnxPredictorType",
    "tensorflow": "runtime_handler.predictors.tensorflow:TensorFlowPredictorType",
}
"""Predictor type -> `module:class`, imported when an API of that type starts."""

BATCHES_REQUESTS = frozenset({"python"})
"""Types whose `predict` takes several requests at once under server_side_batching; the clients of the others batch calls."""
