"""Predictor classes are judged by their source, as the runtime judges them by import, and nothing of the user's runs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager.predictor_class import examine
from runtime_handler.contract import PredictorTypeName

GOOD = """
class PythonPredictor:
    def __init__(self, config, job_spec=None):
        pass

    def predict(self, payload, query_params, headers, batch_id):
        return payload

    def post_predict(self, response, payload):
        pass

    def on_job_complete(self):
        pass
"""


def messages(source: str, kind: PredictorTypeName = "python", *, models: bool = False) -> list[str]:
    return [finding.message for finding in examine(source.encode(), kind, has_models=models)]


def test_a_predictor_with_every_method_of_cortex_is_fine() -> None:
    """Each argument that Cortex passes may be declared."""
    assert messages(GOOD) == []


@pytest.mark.parametrize(
    "source",
    [
        "from base import PythonPredictor\n",
        "from base import *\n",
        "import base\nPythonPredictor = base.make()\n",
        "try:\n    from a import PythonPredictor\nexcept ImportError:\n    class PythonPredictor:\n        pass\n",
        "from base import Base\nclass PythonPredictor(Base):\n    pass\n",
        "class B:\n  def __init__(self, config): pass\n  def predict(self, payload): pass\nclass PythonPredictor(B):\n  pass\n",
        "class PythonPredictor(metaclass=Meta):\n    pass\n",
        "class PythonPredictor:\n    predict = make()\n    def __init__(self, config): pass\n",
        "class PythonPredictor:\n    @wraps\n    def __init__(*a): pass\n    def predict(self, payload): pass\n",
        "class PythonPredictor:\n    def predict(self, payload): pass\n",
        "class PythonPredictor:\n    def __init__(self, config): pass\n    def predict(self, payload, k=1, *a, **b): pass\n",
        "import re\nclass PythonPredictor:\n    def __init__(self, config): re.sub('\\d', '', '')\n    def predict(self): pass\n",
        "# -*- coding: latin-1 -*-\n" + GOOD,
    ],
)
def test_what_reading_cannot_know_is_left_to_the_runtime(source: str) -> None:
    """Imports, base classes, decorators and assignments may bring whatever is missing."""
    assert messages(source) == []


@pytest.mark.parametrize(
    ("kind", "client"), [("python", "python_client"), ("tensorflow", "tensorflow_client"), ("onnx", "onnx_client")]
)
def test_a_client_is_taken_where_there_are_models(kind: PredictorTypeName, client: str) -> None:
    """And then by the name of the type's own client."""
    name = {"python": "PythonPredictor", "tensorflow": "TensorFlowPredictor", "onnx": "ONNXPredictor"}[kind]
    source = f"class {name}:\n    def __init__(self, config, CLIENT): pass\n    def predict(self): pass\n"
    source += "    def load_model(self, model_path): pass\n"
    assert messages(source.replace("CLIENT", client), kind, models=True) == []
    assert any(f"must take {client}" in message for message in messages(source.replace("CLIENT", "x=1"), kind, models=True))


@pytest.mark.parametrize("source", ["class A:\n", "\0", "(" * 5000, "x = " + "-" * 100_000 + "1", "def f(:", "\xff"])
def test_a_file_that_is_no_python_is_one_sentence(source: str) -> None:
    """Whatever the parser makes of it."""
    (finding,) = examine(source.encode("latin-1"), "python", has_models=False)
    assert finding.code in {"cxpack.predictor_syntax", "cxpack.predictor_class"}


@given(st.text(st.sampled_from("clas defPythonPredictor:(),=*\n    @\"'\\#ñ"), max_size=80))
def test_no_source_upsets_the_reader(source: str) -> None:
    """Findings or none, never an exception."""
    list(examine(source.encode(), "python", has_models=True))


def test_the_examples_of_this_project_are_fine() -> None:
    """They are written as users of Cortex write theirs."""
    for predictor in Path(__file__).parents[2].glob("examples/*/predictor.py"):
        source = predictor.read_bytes()
        kind: PredictorTypeName = "onnx" if b"ONNXP" in source else "tensorflow" if b"TensorFlowP" in source else "python"
        assert list(examine(source, kind, has_models=b"_client" in source)) == []
