"""Predictor classes are judged by their source, as the runtime judges them by import, and nothing of the user's runs."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager.check import check
from packager.predictor_class import examine
from runtime_handler.contract import PredictorTypeName
from tests.builders import a_project, an_api

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


def test_a_base_of_several_bases_stands_behind_them() -> None:
    """As in Python's order of classes: Two's constructor is the one that is called."""
    source = "class Root:\n    def __init__(self, wrong): pass\n    def predict(self): pass\n"
    source += "class One(Root): pass\nclass Two(Root):\n    def __init__(self, config): pass\n"
    assert messages(source + "class PythonPredictor(One, Two): pass\n") == []
    assert messages(source + "class PythonPredictor(Two, One): pass\n") == []
    assert messages(source + "class PythonPredictor(One): pass\n") != []


@pytest.mark.parametrize("bases", [("A",), ("A", "B")], ids=["a line", "a lattice"])
def test_many_base_classes_are_read_to_an_end(bases: tuple[str, ...]) -> None:
    """Three thousand in a row, or two in each of many rows, of which there are more ways through than anybody can go."""
    names = ", ".join(f"{base}{{}}" for base in bases)
    source = "".join(f"class {base}0: pass\n" for base in bases)
    for row in range(1, 3_000):
        source += "".join(f"class {base}{row}({names.format(*[row - 1] * len(bases))}): pass\n" for base in bases)
    source += GOOD.replace("PythonPredictor:", f"PythonPredictor({names.format(*[2_999] * len(bases))}):")
    assert messages(source) == []


@pytest.mark.parametrize("source", ["class A:\n", "\0", "(" * 5000, "x = " + "-" * 100_000 + "1", "def f(:", "\xff"])
def test_a_file_that_is_no_python_is_one_sentence(source: str) -> None:
    """Whatever the parser makes of it."""
    (finding,) = examine(source.encode("latin-1"), "python", has_models=False)
    assert finding.code in {"cxpack.predictor_syntax", "cxpack.predictor_class"}


OF_3_12 = {
    "a type alias": "type X = int",
    "a generic alias": "type X[T] = list[T]",
    "a generic function": "async def f[T](x): pass",
    "a generic class": "class A[\n    T,\n]: pass",
    "quotes within quotes": 'x = f"{d["k"]}"',
    "a backslash in an f-string": "x = f\"{'\\n'.join(a)}\"",
    "an f-string of several lines": 'x = f"{a +\n 1}"',
}
OLD_MISTAKES = ["x = =", 'print(f"hello"', 'x = f"{a b}"', "x = 'open", "def f(x)", "class PythonPredictor(", "types = = 1"]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python reads it")
@pytest.mark.parametrize("kind", OF_3_12)
def test_what_a_newer_python_may_read_is_a_warning(kind: str) -> None:
    """The image's Python has the last word; where it is no newer than this one, this one's word counts."""
    source = f"{OF_3_12[kind]}\n".encode()
    (finding,) = examine(source, "python", has_models=False, python="3.12")
    assert (finding.severity, finding.line, finding.code) == ("warning", 1, "cxpack.predictor_syntax")
    assert "Python 3.12 of the image may take it" in finding.message
    for python in ("3.10", "3.11", None):
        (finding,) = examine(source, "python", has_models=False, python=python)
        assert (finding.severity, finding.line) == ("error", 1)


@pytest.mark.parametrize("line", OLD_MISTAKES)
def test_what_no_python_reads_is_an_error(line: str) -> None:
    """Also where the image has a newer one."""
    (finding,) = examine(f"{line}\n".encode(), "python", has_models=False, python="3.99")
    assert finding.severity == "error"


def test_an_encoding_that_is_none_is_said_of_the_file() -> None:
    """Python names no line for it."""
    (finding,) = examine(b"# coding: klingon\n", "python", has_models=False)
    assert (finding.line, finding.severity) == (None, "error")
    assert "unknown encoding: klingon" in finding.message


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="this Python reads it")
def test_the_python_of_each_image_is_asked_for(tmp_path: Path) -> None:
    """Two APIs of one project may have two."""
    source = "class A[T = int]: pass\n"
    text = an_api("new", deploy="{python: '3.13'}") + an_api("old", deploy="{python: '3.11'}").replace("predictor.py", "old.py")
    found = check(a_project(tmp_path, text, predictor_dot_py=source, old_dot_py=source)).problems
    assert [(problem.file, problem.severity) for problem in found] == [
        (str(tmp_path / "old.py"), "error"),
        (str(tmp_path / "predictor.py"), "warning"),
    ]


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
