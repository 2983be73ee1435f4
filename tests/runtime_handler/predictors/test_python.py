"""How the python predictor type loads a model."""

from pathlib import Path

from runtime_handler.contract import PredictorSpec
from runtime_handler.predictors.python import PythonPredictorType


class Keeper:
    """A user's predictor whose `load_model` keeps some models itself, and returns nothing then."""

    def load_model(self, model_path: str) -> object:
        return {"path": model_path} if Path(model_path).name == "returned" else None


def test_what_the_loader_returns_is_passed_on(tmp_path: Path) -> None:
    """Untouched, None too: as in Cortex, where the model is is the project's business."""
    predictor_type = PythonPredictorType(PredictorSpec(type="python", path="predictor.py"), Keeper())
    assert predictor_type.load(tmp_path / "returned", "m") == {"path": str(tmp_path / "returned")}
    assert predictor_type.load(tmp_path / "kept", "m") is None
