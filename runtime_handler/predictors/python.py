"""PythonPredictor: the user's `load_model` loads, `python_client.get_model` hands out."""

from pathlib import Path
from typing import Any

from runtime_handler.contract import PredictorSpec
from runtime_handler.models.layout import PYTHON
from runtime_handler.models.model import Models


class PythonClient:
    """What a PythonPredictor with models is given as `python_client`."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def get_model(self, model_name: str | None = None, model_version: str | int | None = "latest") -> Any:
        """What `load_model` returned for this version; None and "latest" are the highest version that is ready.

        Raises the errors of `Models.get`: a ModelNotFound, BadModelVersion, ModelLoading and so on.
        """
        return self._models.get(model_name, model_version).value


class PythonPredictorType:
    """Any files make a model; loading is the user's method."""

    class_name = "PythonPredictor"
    client_argument = "python_client"
    layout = PYTHON
    framework = None
    describe = None

    def __init__(self, spec: PredictorSpec, predictor: Any) -> None:  # noqa: ARG002  the type needs no settings
        self._predictor = predictor

    def load(self, path: Path, name: str) -> object:  # noqa: ARG002  the user's method takes the path alone
        """What the user's `load_model(path)` returns. Raises what it raises."""
        loaded: object = self._predictor.load_model(str(path))
        return loaded

    def client(self, models: Models) -> PythonClient:
        """The `python_client`."""
        return PythonClient(models)
