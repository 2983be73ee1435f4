"""ONNXPredictor: onnxruntime sessions (see `sessions`), and `onnx_client` with Cortex's input rules."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from runtime_handler.contract import PredictorSpec
from runtime_handler.errors import BadModelInput
from runtime_handler.models.layout import ONNX
from runtime_handler.models.model import Models
from runtime_handler.predictors.arrays import InputSignature, Shape, feed_of, join, rows_of, split
from runtime_handler.predictors.sessions import Sessions

Feed = dict[str, Any]
"""Input name -> numpy array."""

NUMPY_TYPES = {
    "tensor(float16)": "float16",
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(int8)": "int8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
    "tensor(uint32)": "uint32",
    "tensor(uint64)": "uint64",
    "tensor(bool)": "bool",
    "tensor(string)": "object",
}
"""ONNX's name of an input's type -> numpy's."""


class OnnxModel(NamedTuple):
    """A loaded version: its session, what it takes, and what the session raises when it does not take something."""

    session: Any
    inputs: tuple[InputSignature, ...]
    refusal: type[Exception]

    def run(self, feed: Feed) -> list[Any]:
        """The model's outputs. Raises BadModelInput when the model refuses the feed."""
        try:
            outputs: list[Any] = self.session.run(None, feed)
        except self.refusal as error:  # what our own checks leave to the model: dimensions that it does not name
            wanted = ", ".join(map(str, self.inputs))
            raise BadModelInput(f"the model refuses its input; it takes {wanted}: {error}", given=list(feed.values())) from None
        return outputs

    def rows(self, feed: Feed) -> tuple[Any, int] | None:
        """See `Batchable.rows`."""
        return rows_of(feed, self.inputs)

    def join(self, feeds: Sequence[Feed]) -> Feed:
        """See `Batchable.join`."""
        return join(feeds)

    def split(self, outputs: list[Any], rows: Sequence[int]) -> list[list[Any]] | None:
        """See `Batchable.split`."""
        parts = [split(output, rows) for output in outputs]
        if any(part is None for part in parts):
            return None
        return [[part[caller] for part in parts if part is not None] for caller in range(len(rows))]


class Loaded(NamedTuple):
    """What a version is in memory: the model, and how its calls run, one by one or in batches."""

    model: OnnxModel
    run: Callable[[Feed], list[Any]]


class OnnxClient:
    """What an ONNXPredictor is given as `onnx_client`."""

    def __init__(self, models: Models, names: Sequence[str] = ()) -> None:
        """`names` are those of `models.paths`, or the single model's."""
        self._models = models
        self._names = names

    def predict(self, model_input: Any, model_name: str | None = None, model_version: str | int | None = "latest") -> list[Any]:
        """The model's outputs in its own order: numpy arrays, or lists of dicts where the model ends in a ZipMap.

        `model_input` is a dict by input name; for a model with one input also the value itself: a number, a list, a
        nested list or an array. Raises BadModelInput, and the errors of `Models.get`.
        """
        loaded: Loaded = self._models.get(model_name, model_version).value
        return loaded.run(feed_of(model_input, loaded.model.inputs))

    def get_model(self, model_name: str | None = None, model_version: str | int | None = "latest") -> dict[str, Any]:
        """Cortex's view of a model: its `session`, `signatures` and `input_signatures`."""
        loaded: Loaded = self._models.get(model_name, model_version).value
        signatures = loaded.model.session.get_inputs()
        return {
            "session": loaded.model.session,
            "signatures": signatures,
            "input_signatures": {
                signature.name: {
                    "shape": list(signature.shape) or ["scalar"],
                    "type": NUMPY_TYPES.get(signature.type, signature.type),
                }
                for signature in signatures
            },
        }

    @property
    def sessions(self) -> dict[str, Any]:
        """Model name -> its session, as clients of Cortex 0.18 to 0.21 had it; the single model is `_cortex_default`."""
        return {name: self.get_model(name)["session"] for name in self._names}

    @property
    def input_signatures(self) -> dict[str, Any]:
        """Model name -> input name -> shape and type, as clients of Cortex 0.18 to 0.21 had it."""
        return {name: self.get_model(name)["input_signatures"] for name in self._names}


class OnnxPredictorType:
    """One `.onnx` file a version, one session each."""

    class_name = "ONNXPredictor"
    client_argument = "onnx_client"
    layout = ONNX
    framework = "onnxruntime"
    describe = None

    def __init__(self, spec: PredictorSpec, predictor: Any) -> None:  # noqa: ARG002  models load without the user's object
        self._batching = spec.batching
        self._names = [path.name for path in spec.models.paths] if spec.models else []
        self._sessions = Sessions(max(1, _cpus() // spec.processes_per_replica), _proven_inputs)

    def load(self, path: Path, name: str) -> Loaded:  # noqa: ARG002  all models load alike
        """The session of the one `.onnx` file in `path`, probed. Raises onnxruntime's errors."""
        from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument  # here, for other predictor types never need it

        session, inputs = self._sessions.open(path)
        model = OnnxModel(session, inputs, InvalidArgument)
        if self._batching is None:
            return Loaded(model, model.run)
        from runtime_handler.predictors.batching import Batcher  # here, for most APIs do without

        return Loaded(model, Batcher(model, self._batching).run)

    def client(self, models: Models) -> OnnxClient:
        """The `onnx_client`."""
        return OnnxClient(models, self._names)


def _proven_inputs(session: Any) -> tuple[InputSignature, ...]:
    """The inputs of a model that was opened for the first time, and run. Raises onnxruntime's errors."""
    from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

    described = session.get_inputs()
    model = OnnxModel(session, tuple(map(_signature, described)), InvalidArgument)
    probe(model, described)
    return model.inputs


def probe(model: OnnxModel, inputs: Sequence[Any]) -> None:
    """Run the model once on ones, so that one that cannot run never takes the place of one that can.

    `inputs` are the session's own descriptions, whose shapes tell open dimensions from scalars.
    Only where the model fixes types and shapes, but for the number of rows; and what a model finds wrong with these values
    says nothing of those of callers, nor does a failing run of one row when callers may send others: exports that take
    only as many rows as they were made with are common. Raises onnxruntime's other errors.
    """
    import numpy  # loaded already, with onnxruntime
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, RuntimeException

    feed = {}
    inconclusive: list[type[Exception]] = [BadModelInput]
    for described in inputs:
        first, *rest = described.shape or (1,)
        shape = [first if isinstance(first, int) else 1, *rest][: len(described.shape)]
        dtype = NUMPY_TYPES.get(described.type, "object")
        if dtype == "object" or not all(isinstance(size, int) and size > 0 for size in shape):
            return
        if shape != described.shape:
            inconclusive += [Fail, RuntimeException]
        feed[described.name] = numpy.ones(shape, dtype)
    with suppress(*inconclusive):
        model.run(feed)


def _signature(described: Any) -> InputSignature:
    import numpy  # loaded already, with onnxruntime

    return InputSignature(
        name=described.name, shape=_shape(described.shape), dtype=numpy.dtype(NUMPY_TYPES.get(described.type, "object"))
    )


def _shape(dimensions: Sequence[Any]) -> Shape:
    """Named dimensions are unknown, anything else that is no number is 1: Cortex 0.22."""
    return tuple(size if isinstance(size, int) else -1 if isinstance(size, str) else 1 for size in dimensions)


def _cpus() -> int:
    """CPUs that this process may use, a container's quota not counted."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
