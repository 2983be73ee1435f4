"""python, onnx and tensorflow: each a layout rule, a loader and a client."""

from collections.abc import Mapping

PREDICTORS: Mapping[str, str] = {
    "python": "runtime_handler.predictors.python:PythonPredictorType",
    "onnx": "runtime_handler.predictors.onnx:OnnxPredictorType",
    "tensorflow": "runtime_handler.predictors.tensorflow:TensorFlowPredictorType",
}
"""Predictor type -> `module:class`, imported when an API of that type starts."""
