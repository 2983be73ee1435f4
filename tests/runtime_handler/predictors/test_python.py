"""How the python predictor type loads a model."""

from pathlib import Path

import pytest

from runtime_handler.contract import PredictorSpec
from runtime_handler.predictors.python import PythonPredictorType


class Forgetful:
    """A user's predictor whose `load_model` lacks its last line for some models."""

    def load_model(self, model_path: str) -> object:
        return {"path": model_path} if Path(model_path).name == "good" else None


def test_a_loader_that_returns_nothing_has_failed(tmp_path: Path) -> None:
    """What `load_model` returns is passed on as it is; None is no model, and would take the place of one that serves."""
    predictor_type = PythonPredictorType(PredictorSpec(type="python", path="predictor.py"), Forgetful())
    assert predictor_type.load(tmp_path / "good", "m") == {"path": str(tmp_path / "good")}
    with pytest.raises(TypeError, match="load_model returned None; it must return the model"):
        predictor_type.load(tmp_path / "bad", "m")
