"""The TensorFlow client on real SavedModels, in a process that has loaded TensorFlow."""

import base64
import contextlib
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as numpy_arrays

from runtime_handler.contract import BatchingSpec, ModelPath, ModelsSpec, PredictorSpec
from runtime_handler.errors import BadModelInput
from runtime_handler.predictors.tensorflow import TensorFlowClient, TensorFlowPredictorType, choose_signature
from runtime_handler.predictors.tensors import flat_output, tensor_of
from tests.runtime_handler.predictors.test_arrays import JSON
from tests.runtime_handler.predictors.test_onnx import OneModel

pytestmark = [
    pytest.mark.xdist_group("tensorflow"),
    # TensorFlow's own modules warn while they are imported.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel: `x` floats [None, 4], `n` int64 [None] -> sums, counts, names, shaped."""
    import tensorflow as tf

    class Module(tf.Module):  # type: ignore[misc]  # untyped
        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, "x"), tf.TensorSpec([None], tf.int64, "n")])  # type: ignore[misc]
        def serve(self, x: Any, n: Any) -> dict[str, Any]:
            return {"sums": tf.reduce_sum(x, axis=1), "counts": n + 1, "names": tf.strings.as_string(n), "shaped": x * 2.0}

    folder = tmp_path_factory.mktemp("saved")
    module = Module()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    return folder


def client(saved: Path, batching: BatchingSpec | None = None, key: str | None = None) -> TensorFlowClient:
    models = ModelsSpec(paths=(ModelPath(name="m", path="m", signature_key=key),))
    spec = PredictorSpec(type="tensorflow", path="predictor.py", models=models, batching=batching)
    predictor_type = TensorFlowPredictorType(spec, object())
    return predictor_type.client(OneModel(predictor_type.load(saved, "m")))


INPUT = {"x": [[1, 2, 3, 4], [0.5, 0, 0, 0]], "n": [1, 2**40]}


@pytest.mark.parametrize("batching", [None, BatchingSpec(max_batch_size=4, batch_interval_s=0.01)], ids=["single", "batched"])
def test_outputs_are_flat_lists_of_native_values(saved: Path, batching: BatchingSpec | None) -> None:
    """As Cortex gave them, but integers are integers; strings are base64 text; arrays are one method away."""
    answer = client(saved, batching).predict(INPUT)
    assert list(answer) == sorted(answer), "in one order, whatever the process"
    assert answer["sums"] == [10.0, 0.5]
    assert answer["counts"] == [2, 2**40 + 1]
    assert [type(value) for value in answer["counts"]] == [int, int]
    assert answer["names"][0] == base64.b64encode(b"1").decode()
    assert answer["shaped"] == [2.0, 4.0, 6.0, 8.0, 1.0, 0.0, 0.0, 0.0]
    assert client(saved).predict_arrays(INPUT)["shaped"].shape == (2, 4)


def test_arrays_of_other_numeric_types_are_cast(saved: Path) -> None:
    """float64 arrays fit float inputs; Python floats do not fit integer ones."""
    answer = client(saved).predict({"x": numpy.ones((1, 4)), "n": numpy.array([3], dtype="int8")})
    assert (answer["sums"], answer["counts"]) == ([4.0], [4])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([1, 2], "takes a dict by input name ('n', 'x'), not a list"),
        ({"x": [[1, 2, 3, 4]]}, "input 'n' is missing from the call"),
        ({**INPUT, "z": 1}, "input 'z' is unknown to the model"),
        ({"x": [[1, 2]], "n": [1]}, "input 'x' (float32, shape [-1, 4]) got shape [1, 2]"),
        ({"x": [["a"] * 4], "n": [1]}, "input 'x' (float32, shape [-1, 4]) got a list"),
        ({"x": [[1, 2, 3, 4]], "n": [1.5]}, "input 'n' (int64, shape [-1]) got a list"),
    ],
)
def test_an_error_names_input_expected_and_given(saved: Path, given: Any, says: str) -> None:
    """One sentence, ours, before the graph runs."""
    with pytest.raises(BadModelInput) as raised:
        client(saved).predict(given)
    assert says in raised.value.message


@given(value=JSON)
@settings(deadline=None)
def test_any_json_becomes_a_tensor_or_a_clear_error(value: Any) -> None:
    """No payload makes the converter fail in another way."""
    import tensorflow as tf

    for shape, dtype in (([None, 4], tf.float32), ([1], tf.int64), ([None], tf.string), ([], tf.bool), (None, tf.float64)):
        with contextlib.suppress(BadModelInput):
            tensor = tensor_of(value, "x", tf.TensorSpec(shape, dtype, "x"))
            assert (tensor.dtype, tensor.shape.is_compatible_with(shape)) == (dtype, True)


@given(array=numpy_arrays(st.sampled_from(["int8", "int64", "uint16", "float16", "float64", "bool"]), (2, 3)))
@settings(deadline=None)
def test_arrays_go_in_cast_and_come_out_flat(array: Any) -> None:
    """The numbers are numpy's own, in row order, as native values."""
    import tensorflow as tf

    with numpy.errstate(all="ignore"):
        wanted = array.astype("float32").ravel().tolist()
        values = flat_output(tensor_of(array, "x", tf.TensorSpec([None, 3], tf.float32, "x")))
    assert repr(values) == repr(wanted)
    assert {type(value) for value in values} == {float}


@pytest.mark.parametrize(
    ("keys", "configured", "chosen"),
    [
        (["only"], None, "only"),
        (["a", "predict"], None, "predict"),
        (["a", "serving_default"], None, "serving_default"),
        (["a", "b"], "b", "b"),
    ],
)
def test_the_signature_is_configured_or_obvious(keys: list[str], configured: str | None, chosen: str) -> None:
    """The configured one; else the only one; else `predict`; else TensorFlow's own default."""
    assert choose_signature(keys, configured) == chosen


@pytest.mark.parametrize(("keys", "configured"), [(["a", "b"], None), (["a"], "b"), ([], None)])
def test_a_signature_that_is_not_plain_is_asked_for(keys: list[str], configured: str | None) -> None:
    """The error lists the signatures that there are."""
    with pytest.raises(ValueError, match="signature") as raised:
        choose_signature(keys, configured)
    assert all(repr(key) in str(raised.value) for key in keys)


def test_the_metadata_names_signature_and_inputs(saved: Path) -> None:
    """As Cortex's GET told them of TensorFlow models; with a cache it told versions and times only."""
    models = ModelsSpec(paths=(ModelPath(name="m", path="m"),))
    predictor_type = TensorFlowPredictorType(PredictorSpec(type="tensorflow", path="p.py", models=models), object())
    assert predictor_type.describe is not None
    assert predictor_type.describe(predictor_type.load(saved, "m")) == {
        "signature_key": "serving_default",
        "input_signatures": {"n": {"shape": [-1], "type": "int64"}, "x": {"shape": [-1, 4], "type": "float32"}},
    }
    cached = ModelsSpec(dir="m", cache_size=1, disk_cache_size=1)
    assert TensorFlowPredictorType(PredictorSpec(type="tensorflow", path="p.py", models=cached), object()).describe is None


def test_the_client_has_what_predictors_of_0_21_asked_it_for(saved: Path) -> None:
    """They read shapes from `input_signatures`, by model name."""
    assert client(saved).input_signatures == {
        "m": {"n": {"shape": [-1], "type": "int64"}, "x": {"shape": [-1, 4], "type": "float32"}}
    }


def test_a_graph_that_cannot_run_is_not_loaded(tmp_path: Path) -> None:
    """A signature is run once before it serves: one that needs what the export lacks fails there, not in a request."""
    import tensorflow as tf

    class Module(tf.Module):  # type: ignore[misc]  # untyped
        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, "x")])  # type: ignore[misc]
        def serve(self, x: Any) -> dict[str, Any]:
            return {"y": x, "words": tf.io.read_file(str(tmp_path / "vocabulary that was not exported"))}

    module = Module()
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"serving_default": module.serve})
    with pytest.raises(tf.errors.NotFoundError, match="vocabulary"):
        client(tmp_path / "saved")
