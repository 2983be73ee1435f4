"""What a predictor type brings: its layout rule, its loader and its client. A new type is one class and one table row."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from runtime_handler.contract import PredictorSpec
from runtime_handler.models.layout import Layout
from runtime_handler.models.model import Models

Load = Callable[[Path, str], object]
"""(directory with exactly one version's objects, model name) -> the value that `Models.get` hands out."""


class PredictorType(Protocol):
    """One row of `PREDICTORS`. Instances are made once per process, from the predictor's spec."""

    class_name: str
    """The user's class: PythonPredictor, TensorFlowPredictor or ONNXPredictor."""
    client_argument: str
    """The constructor argument that takes the client: python_client, tensorflow_client or onnx_client."""
    layout: Layout
    """Which files make one version of a model."""
    framework: str | None
    """The library that `load` imports; None: what is loaded is the user's affair."""

    def __init__(self, spec: PredictorSpec, predictor: Any) -> None:
        """`predictor` is the user's object, allocated, `__init__` not yet run (a python type loads with its `load_model`)."""

    def load(self, path: Path, name: str) -> object:
        """The model in `path`, ready to predict. Raises whatever the framework or the user's code raises."""

    @property
    def describe(self) -> Callable[[Any], Mapping[str, Any]] | None:
        """What Cortex's `model_metadata` says of a loaded version, beyond versions and times; None: no more than those."""

    def client(self, models: Models) -> Any:
        """What the user's constructor is given."""
