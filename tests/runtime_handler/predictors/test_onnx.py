"""The ONNX client on real models."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import numpy
import onnx
import pytest
from onnx import TensorProto, helper

from runtime_handler.contract import BatchingSpec, ModelPath, ModelsSpec, PredictorSpec
from runtime_handler.errors import BadModelInput
from runtime_handler.models import lease
from runtime_handler.models.layout import ONNX
from runtime_handler.models.model import CacheStatus, Model, ModelId, TierStatus
from runtime_handler.predictors import onnx as onnx_predictor
from runtime_handler.predictors.onnx import OnnxClient, OnnxPredictorType, probe
from runtime_handler.predictors.python import PythonClient
from runtime_handler.predictors.sessions import LARGE_MODEL
from runtime_handler.predictors.tensorflow import TensorFlowClient
from tests.runtime_handler.harness import ROOT
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket

Dimensions = list[int | str | None]


class OneModel:
    """`Models` with one loaded version."""

    def __init__(self, value: Any) -> None:
        self.model = Model(id=ModelId("m", 1), value=value, fingerprint="")

    def get(self, name: str | None = None, version: str | int | None = "latest") -> Model:
        return self.model

    def status(self) -> list[Any]:
        return []

    def cache(self) -> CacheStatus:
        return CacheStatus(memory=TierStatus(used=1, limit=None), disk=TierStatus(used=1, limit=None))

    def metadata(self) -> dict[str, Any]:
        return {}


def client(folder: Path, inputs: dict[str, tuple[int, Dimensions]], batching: BatchingSpec | None = None) -> OnnxClient:
    """A client of a model that returns each of its inputs as it came, under the name `<input>_out`."""
    declared = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()]
    outputs = [helper.make_tensor_value_info(f"{name}_out", kind, shape) for name, (kind, shape) in inputs.items()]
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in inputs]
    graph = helper.make_graph(nodes, "identity", declared, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    spec = PredictorSpec(
        type="onnx", path="predictor.py", models=ModelsSpec(paths=(ModelPath(name="m", path="m"),)), batching=batching
    )
    predictor_type = OnnxPredictorType(spec, object())
    return predictor_type.client(OneModel(predictor_type.load(folder, "m")))


FLOATS: tuple[int, Dimensions] = (TensorProto.FLOAT, ["batch", 4])


@pytest.mark.parametrize("value", [[1, 2, 3, 4], [[1, 2, 3, 4]], numpy.arange(1, 5), {"x": [1.0, 2, 3, 4]}])
def test_one_input_takes_its_value_or_a_dict(tmp_path: Path, value: Any) -> None:
    """Outputs come as numpy arrays in the model's order."""
    [output] = client(tmp_path, {"x": FLOATS}).predict(value)
    assert output.dtype == "float32"
    assert output.tolist() == [[1, 2, 3, 4]]


TWO: dict[str, tuple[int, Dimensions]] = {"a": (TensorProto.INT64, [1]), "b": (TensorProto.STRING, [1])}
FOUR = [[1.0, 2.0, 3.0, 4.0]]


@pytest.mark.parametrize(
    ("inputs", "value", "outputs"),
    [
        ({"x": FLOATS}, [[1, 2, 3, 4]], [FOUR]),
        ({"x": FLOATS}, [1, 2, 3, 4], [FOUR]),
        ({"x": FLOATS}, {"x": [1, 2, 3, 4]}, [FOUR]),
        ({"x": FLOATS}, numpy.array([[1, 2, 3, 4]], "int64"), [FOUR]),
        ({"x": FLOATS}, [["1", "2", "3", "4"]], [FOUR]),
        ({"x": FLOATS}, [1, 2, 3], "3 values of shape"),
        ({"x": FLOATS}, {"y": [1, 2, 3, 4]}, "'x'"),
        ({"x": FLOATS}, "abc", "could not convert"),
        ({"x": FLOATS}, numpy.array(["1", "2", "3", "4"]), "an array of <U1"),
        ({"x": (TensorProto.FLOAT, [])}, 0, [0.0]),
        ({"x": (TensorProto.FLOAT, [])}, {"x": 0}, [0.0]),
        ({"x": (TensorProto.FLOAT, [None, 4])}, [1, 2, 3, 4], [FOUR]),
        (TWO, {"a": [1], "b": ["t"]}, [[1], ["t"]]),
        (TWO, {"a": [1], "b": ["t"], "more": 5}, [[1], ["t"]]),
        (TWO, [1, "t"], "pass a dict, not a list"),
        (TWO, {"a": [1]}, "input 'b' (object, shape [1]) is missing: the model takes 'a', 'b', the call has 'a'"),
        (TWO, {"a": [1], "b": None}, "input 'b' (object, shape [1]) is None"),
        (TWO, {"a": 1.7, "b": "t"}, [[1], ["t"]]),
        ({"x": (TensorProto.BFLOAT16, [4])}, [1, 2, 3, 4], "input 'x'"),
    ],
)
def test_inputs_are_taken_as_cortex_took_them(
    tmp_path: Path, inputs: dict[str, tuple[int, Dimensions]], value: Any, outputs: list[Any] | str
) -> None:
    """Every row of the table of inputs: what Cortex's client converted is converted; what it failed on is told in a sentence."""
    made = client(tmp_path, inputs)
    if isinstance(outputs, str):
        with pytest.raises(BadModelInput, match=re.escape(outputs)):
            made.predict(value)
    else:
        assert [output.tolist() for output in made.predict(value)] == outputs


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        (PythonClient.get_model, {"model_name": None, "model_version": "latest"}),
        (OnnxClient.get_model, {"model_name": None, "model_version": "latest"}),
        (OnnxClient.predict, {"model_input": Parameter.empty, "model_name": None, "model_version": "latest"}),
        (TensorFlowClient.predict, {"model_input": Parameter.empty, "model_name": None, "model_version": "latest"}),
    ],
)
def test_clients_take_cortexs_arguments_in_its_order(method: Callable[..., Any], arguments: dict[str, Any]) -> None:
    """By position and by name, with the defaults of Cortex's page on models."""
    _, *parameters = signature(method).parameters.values()
    assert {parameter.name: parameter.default for parameter in parameters} == arguments
    assert [parameter.name for parameter in parameters] == list(arguments)
    assert {parameter.kind for parameter in parameters} == {Parameter.POSITIONAL_OR_KEYWORD}


@pytest.mark.parametrize(
    ("kind", "value", "dtype"),
    [
        (TensorProto.DOUBLE, 1.5, "float64"),
        (TensorProto.FLOAT16, 1.5, "float16"),
        (TensorProto.INT64, 2**40, "int64"),
        (TensorProto.UINT8, 255, "uint8"),
        (TensorProto.BOOL, True, "bool"),
        (TensorProto.STRING, "text", "object"),
    ],
)
def test_every_type_goes_in_and_out(tmp_path: Path, kind: int, value: Any, dtype: str) -> None:
    """Python values become the model's own type."""
    [output] = client(tmp_path, {"x": (kind, [1])}).predict([value])
    assert (output.dtype, output.tolist()) == (dtype, [value])


def test_get_model_describes_the_inputs(tmp_path: Path) -> None:
    """The dict of Cortex's page: session, signatures, input_signatures."""
    described = client(tmp_path, {"x": FLOATS, "n": (TensorProto.INT64, [])}).get_model()
    assert described["session"].get_inputs()[0].name == "x"
    assert [given.name for given in described["signatures"]] == ["x", "n"]
    assert described["input_signatures"] == {
        "x": {"shape": ["batch", 4], "type": "float32"},
        "n": {"shape": ["scalar"], "type": "int64"},
    }


def test_what_the_model_refuses_is_told_with_what_it_takes(tmp_path: Path) -> None:
    """With two unknown dimensions a wrong rank is for the model to refuse."""
    with pytest.raises(BadModelInput, match="the model refuses its input; it takes input 'x'"):
        client(tmp_path, {"x": (TensorProto.FLOAT, ["a", "b"])}).predict([1.0])


def test_batched_calls_give_the_same_answers(tmp_path: Path) -> None:
    """A batched client answers as an unbatched one."""
    batched = client(tmp_path, {"x": FLOATS}, BatchingSpec(max_batch_size=4, batch_interval_s=0.01))
    assert batched.predict([1, 2, 3, 4])[0].tolist() == [[1, 2, 3, 4]]


class TwoVersions(OneModel):
    """Models whose version 1 returns what it is given, and whose version 2 the opposite."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.models = [Model(id=ModelId("m", number), value=value, fingerprint="") for number, value in enumerate(values, 1)]

    def get(self, name: str | None = None, version: str | int | None = "latest") -> Model:
        return self.models[int(version or 0) - 1]


def test_batches_never_mix_versions(tmp_path: Path) -> None:
    """Thirty-two callers at once, every second one of the other version: each has the answer of its own."""
    spec = PredictorSpec(
        type="onnx",
        path="predictor.py",
        models=ModelsSpec(paths=(ModelPath(name="m", path="m"),)),
        batching=BatchingSpec(max_batch_size=8, batch_interval_s=0.05),
    )
    predictor_type = OnnxPredictorType(spec, object())
    loaded = []
    for version, operator in (("1", "Identity"), ("2", "Neg")):
        (tmp_path / version).mkdir()
        tensors = [helper.make_tensor_value_info(name, *FLOATS) for name in ("x", "y")]
        graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], operator, tensors[:1], tensors[1:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.save(model, tmp_path / version / "model.onnx")
        loaded.append(predictor_type.load(tmp_path / version, "m"))
    both = predictor_type.client(TwoVersions(loaded))
    together = threading.Barrier(32)

    def call(number: int) -> Any:
        with lease.Lease():
            together.wait(30)
            return both.predict([number, 0, 0, 0], model_version=number % 2 + 1)[0].tolist()

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(call, range(32)))
    assert answers == [[[number if number % 2 == 0 else -number, 0, 0, 0]] for number in range(32)]


def test_no_session_brings_threads_of_its_own(tmp_path: Path) -> None:
    """Twenty loaded models add no thread."""
    clients = [client(tmp_path, {"x": FLOATS})]
    before = len(list(Path("/proc/self/task").iterdir()))
    clients += [client(tmp_path, {"x": FLOATS}) for _ in range(20)]
    assert len(list(Path("/proc/self/task").iterdir())) == before
    assert len(clients) == 21


@pytest.mark.parametrize("ours_first", [True, False])
def test_a_session_that_the_user_opens(tmp_path: Path, ours_first: bool) -> None:
    """A session in onnxruntime's default way works beside ours, whichever comes first; in a process of its own, for the first
    one decides about its threads.
    """
    client(tmp_path, {"x": FLOATS})
    ours = "loaded = OnnxPredictorType(spec, object()).load(Path(folder), 'm')"
    theirs = "session = onnxruntime.InferenceSession(folder + '/model.onnx')"
    script = f"""
import sys, numpy, onnxruntime
from pathlib import Path
from runtime_handler.contract import ModelPath, ModelsSpec, PredictorSpec
from runtime_handler.predictors.onnx import OnnxPredictorType
folder = sys.argv[1]
spec = PredictorSpec(type="onnx", path="predictor.py", models=ModelsSpec(paths=(ModelPath(name="m", path="m"),)))
{ours if ours_first else theirs}
{theirs if ours_first else ours}
feed = {{"x": numpy.ones((1, 4), "float32")}}
assert (session.run(None, feed)[0] == loaded.run(feed)[0]).all()
"""
    subprocess.run([sys.executable, "-c", script, tmp_path], cwd=ROOT, check=True)


def test_a_large_model_has_threads_that_sleep(tmp_path: Path) -> None:
    """Its session has a pool of as many threads as the process has CPUs; a small one's calls run in the caller's thread."""
    client(tmp_path, {"x": FLOATS})
    model = onnx.load(tmp_path / "model.onnx")
    weights = numpy.zeros(LARGE_MODEL // 4, "float32")
    model.graph.initializer.append(onnx.numpy_helper.from_array(weights, "unused"))
    onnx.save(model, tmp_path / "model.onnx")
    spec = PredictorSpec(type="onnx", path="predictor.py", models=ModelsSpec(paths=(ModelPath(name="m", path="m"),)))
    options = OnnxPredictorType(spec, object()).load(tmp_path, "m").model.session.get_session_options()
    assert options.intra_op_num_threads == len(os.sched_getaffinity(0))
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_the_client_has_what_predictors_of_0_21_asked_it_for(tmp_path: Path) -> None:
    """They read shapes from `input_signatures`, and took the session from `sessions`, by model name."""
    made = client(tmp_path, {"x": FLOATS})
    assert made.input_signatures == {"m": {"x": {"shape": ["batch", 4], "type": "float32"}}}
    assert made.sessions["m"].get_inputs()[0].name == "x"


def a_model_of(node: onnx.NodeProto, constant: list[int], shape: Dimensions) -> bytes:
    """A model of one node over its input `x` and a constant `c`."""
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(numpy.array(constant, dtype=numpy.int64), "c")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    data: bytes = model.SerializeToString()
    return data


RESHAPE = helper.make_node("Reshape", ["x", "c"], ["y"])
GATHER = helper.make_node("Gather", ["x", "c"], ["y"], axis=1)


@pytest.mark.parametrize(
    ("data", "loads"),
    [
        (a_model_of(RESHAPE, [-1, 2], ["batch", 4]), True),
        (a_model_of(RESHAPE, [3, 8], ["batch", 4]), True),
        (a_model_of(RESHAPE, [5, 7], [1, 4]), False),
        (a_model_of(RESHAPE, [5, 7], ["batch", "length"]), True),
        (a_model_of(GATHER, [9], ["batch", 4]), True),
    ],
    ids=["runs", "wants six rows", "cannot run", "open shape", "dislikes the values"],
)
def test_a_model_is_run_once_before_it_serves(tmp_path: Path, data: bytes, loads: bool) -> None:
    """A model that fails on ones in the shape that it declares is not loaded; with a shape that it leaves open it is."""
    (tmp_path / "model.onnx").write_bytes(data)
    spec = PredictorSpec(type="onnx", path="predictor.py", models=ModelsSpec(paths=(ModelPath(name="m", path="m"),)))
    load = OnnxPredictorType(spec, object()).load
    if loads:
        assert load(tmp_path, "m").model.inputs
    else:
        with pytest.raises(Exception, match="Reshape"):
            load(tmp_path, "m")


def test_only_what_is_new_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache loads the same file again and again: it is run and asked for its inputs the first time, and when it changed."""
    runs = []
    monkeypatch.setattr(onnx_predictor, "probe", lambda *model: runs.append(probe(*model)))
    spec = PredictorSpec(type="onnx", path="predictor.py", models=ModelsSpec(paths=(ModelPath(name="m", path="m"),)))
    load = OnnxPredictorType(spec, object()).load
    file = tmp_path / "model.onnx"
    file.write_bytes(a_model_of(RESHAPE, [-1, 2], ["batch", 4]))
    first, again = load(tmp_path, "m"), load(tmp_path, "m")
    assert len(runs) == 1
    assert again.model.inputs == first.model.inputs
    assert again.run({"x": numpy.ones((1, 4), numpy.float32)})[0].shape == (2, 2)
    file.write_bytes(a_model_of(RESHAPE, [-1, 3], ["batch", 6]))
    assert [each.shape for each in load(tmp_path, "m").model.inputs] == [(-1, 6)]
    file.write_bytes(a_model_of(RESHAPE, [5, 7], [1, 4]))
    for _ in range(2):
        with pytest.raises(Exception, match="Reshape"):
            load(tmp_path, "m")


def test_an_update_that_cannot_run_leaves_the_last_good_model_serving(tmp_path: Path) -> None:
    """A version whose new file loads and cannot run is never swapped in; status tells why, and when it is tried again."""
    bucket = FakeBucket(Clock())
    bucket.put("models/m/1/model.onnx", a_model_of(RESHAPE, [-1, 2], ["batch", 4]), age=60)
    spec = PredictorSpec(type="onnx", path="predictor.py", models=ModelsSpec(dir="s3://fake/models"))
    predictor_type = OnnxPredictorType(spec, object())
    manager = a_manager(tmp_path, bucket, layout=ONNX, load=predictor_type.load)
    manager.start()
    bucket.put("models/m/1/model.onnx", a_model_of(RESHAPE, [5, 7], [1, 4]))
    for _ in range(3):
        bucket.clock.sleep(10)
        manager.tick()
    [output] = predictor_type.client(manager).predict([[1, 2, 3, 4]], "m", "1")
    assert output.tolist() == [[1, 2], [3, 4]]
    [status] = manager.status()
    assert (status.state, status.memory) == ("ready", True)
    assert status.error is not None
    assert "Reshape" in status.error
    assert status.next_retry is not None
    assert status.next_retry > bucket.clock()
