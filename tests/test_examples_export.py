"""The examples' models are made by their own export.py, the same bytes every time, and answer what expected.json says."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
import pytest
import yaml

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/cortex.yaml"))
RUNNABLE = [example for example in EXAMPLES if (example / "expected.json").exists()]


@contextmanager
def serving_from(project: Path) -> Iterator[ModuleType]:
    """The project's predictor.py as a serving process has it: imported, the project as working directory."""
    spec = importlib.util.spec_from_file_location(f"predictor of {project.name}", project / "predictor.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = Path.cwd()
    os.chdir(project)
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        os.chdir(before)


class OnnxClient:
    """Cortex's onnx_client for one model with one input."""

    def __init__(self, project: Path, predictor: Mapping[str, Any]) -> None:
        # onnx's own evaluator: onnxruntime's thread pool belongs to the whole process, and other tests have chosen one.
        from onnx.reference import ReferenceEvaluator

        (file,) = (project / predictor["model_path"]).rglob("*.onnx")
        self._model = ReferenceEvaluator(str(file))

    def predict(self, model_input: Any) -> list[Any]:
        (name,) = self._model.input_names
        return self._model.run(None, {name: numpy.array(model_input, numpy.float32).reshape(1, -1)})


class TensorFlowClient:
    """Cortex's tensorflow_client for one model: output name -> flat list."""

    def __init__(self, project: Path, predictor: Mapping[str, Any]) -> None:
        import tensorflow

        self._model = tensorflow.saved_model.load(str(project / predictor["model_path"]))
        self._signature = self._model.signatures[predictor["signature_key"]]
        self._tensor = tensorflow.convert_to_tensor

    def predict(self, model_input: Mapping[str, Any]) -> dict[str, list[Any]]:
        outputs = self._signature(**{name: self._tensor(value) for name, value in model_input.items()})
        return {name: value.numpy().reshape(-1).tolist() for name, value in outputs.items()}


class PythonClient:
    """Cortex's python_client: the highest version unless one is asked for; a model without versions has one."""

    def __init__(self, project: Path, predictor: Mapping[str, Any]) -> None:
        self._models = project / predictor["models"]["dir"]
        self.load_model: Any = None

    def get_model(self, name: str, version: str = "latest") -> Any:
        versions = sorted(
            (folder for folder in (self._models / name).iterdir() if folder.is_dir()), key=lambda path: int(path.name)
        )
        latest = versions[-1] if versions else self._models / name
        return self.load_model(str(latest if version == "latest" else self._models / name / version))


def predictor_of(project: Path, predictor: Mapping[str, Any], module: ModuleType) -> Any:
    config = predictor.get("config", {})
    match predictor["type"]:
        case "onnx":
            return module.ONNXPredictor(onnx_client=OnnxClient(project, predictor), config=config)
        case "tensorflow":
            return module.TensorFlowPredictor(tensorflow_client=TensorFlowClient(project, predictor), config=config)
    if "models" not in predictor:
        return module.PythonPredictor(config=config)
    client = PythonClient(project, predictor)
    user = module.PythonPredictor(config=config, python_client=client)
    client.load_model = user.load_model
    return user


def apis_of(project: Path) -> list[dict[str, Any]]:
    return yaml.safe_load((project / "cortex.yaml").read_text())


def expected_of(project: Path, api: str) -> Any:
    expected = json.loads((project / "expected.json").read_text())
    names = {entry["name"] for entry in apis_of(project)}
    return expected[api] if isinstance(expected, dict) and set(expected) == names else expected


@pytest.mark.parametrize("project", RUNNABLE, ids=lambda path: path.name)
def test_predictors_answer_what_is_expected(project: Path) -> None:
    """A Cortex predictor, run as Cortex ran it, gives expected.json for request.json: the files need nothing of ours."""
    payload = json.loads((project / "request.json").read_text())
    for api in apis_of(project):
        with serving_from(project) as module:
            user = predictor_of(project, api["predictor"], module)
            arguments = {"payload": payload, "query_params": {}}
            accepted = user.predict.__code__.co_varnames[1 : user.predict.__code__.co_argcount]
            assert user.predict(**{name: arguments[name] for name in accepted}) == expected_of(project, api["name"])


@pytest.mark.parametrize(
    ("query", "label"),
    [
        ({"model": "tree"}, "versicolor"),
        ({"model": "logistic", "version": "1"}, "versicolor"),
        ({"model": "logistic"}, "virginica"),
    ],
)
def test_multi_model_chooses_by_query(query: dict[str, str], label: str) -> None:
    """The models of `multi-model` disagree about the sample, so that an answer shows which of them gave it."""
    project = ROOT / "examples" / "multi-model"
    (api,) = apis_of(project)
    with serving_from(project) as module:
        user = predictor_of(project, api["predictor"], module)
        answer = user.predict(payload=json.loads((project / "request.json").read_text()), query_params=query)
    assert answer["label"] == label


@pytest.mark.parametrize("project", RUNNABLE, ids=lambda path: path.name)
def test_exports_are_repeatable_without_warnings(project: Path, tmp_path: Path) -> None:
    """export.py, copied to another folder, writes the bytes that `make examples` wrote, in its own folder only."""
    copy = tmp_path / "copied elsewhere"
    copy.mkdir()
    shutil.copy(project / "export.py", copy)
    elsewhere = tmp_path / "working directory"
    elsewhere.mkdir()
    subprocess.run(
        [sys.executable, "-W", "error", copy / "export.py"],
        check=True,
        cwd=elsewhere,
        env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=100,
    )
    assert contents(copy / "models") == contents(project / "models")
    assert {path.name for path in copy.iterdir()} == {"export.py", "models"}
    assert not list(elsewhere.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("project", EXAMPLES, ids=lambda path: path.name)
def test_pins_agree_with_the_environment(project: Path) -> None:
    """What an example pins is what the development environment has, so that models load where they were made."""
    ours = dict(re.findall(r"^([\w.-]+)==([\w.+-]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    requirements = project / "requirements.txt"
    lines = requirements.read_text().splitlines() if requirements.exists() else []
    for line in lines:
        name, version = line.split("==")
        assert ours.get(name, version) == version, f"{requirements}: {line}"


@pytest.mark.parametrize("project", EXAMPLES, ids=lambda path: path.name)
def test_predictors_know_nothing_of_us(project: Path) -> None:
    """An example is a Cortex project, not a cxpack project."""
    text = (project / "predictor.py").read_text()
    assert not re.search(r"cxpack|runtime_handler|packager", text)
