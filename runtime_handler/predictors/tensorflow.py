"""TensorFlowPredictor: SavedModels in this process, and `tensorflow_client` with the answers of Cortex's.

Cortex asked TensorFlow Serving; one process less is one less to keep alive, and signatures are read the same way.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from runtime_handler.contract import PredictorSpec
from runtime_handler.errors import BadModelInput
from runtime_handler.models.layout import TENSORFLOW
from runtime_handler.models.model import Models
from runtime_handler.predictors.arrays import split
from runtime_handler.predictors.batching import Batcher
from runtime_handler.predictors.tensors import flat_output, tensor_of

PREFERRED_SIGNATURES = ("predict", "serving_default")
"""Which signature is meant when a model has several and cortex.yaml names none."""


Feed = Mapping[str, Any]
"""Input name -> tensor; outputs likewise."""


class TensorFlowModel(NamedTuple):
    """A loaded version: one signature of it with its key, and what that takes (input name -> TensorSpec)."""

    loaded: Any
    call: Any
    inputs: Mapping[str, Any]
    key: str = ""

    def run(self, feed: Feed) -> Feed:
        """The signature's outputs by name: TensorFlow's own order differs from process to process.

        Raises BadModelInput when the graph refuses the feed.
        """
        from tensorflow.errors import InvalidArgumentError  # loaded already, with the model

        try:
            outputs: Feed = self.call(**feed)
        except InvalidArgumentError as error:  # what the graph finds wrong with a shape it did not declare
            given = [tensor.numpy() for tensor in feed.values()]
            raise BadModelInput(f"the model refuses its input: {error.message}", given=given) from None
        return {name: outputs[name] for name in sorted(outputs)}

    def rows(self, feed: Feed) -> tuple[Any, int] | None:
        """See `Batchable.rows`."""
        shapes = {name: tuple(tensor.shape) for name, tensor in feed.items()}
        counts = {shape[:1] for shape in shapes.values()}
        open_ended = all(spec.shape.rank and spec.shape[0] is None for spec in self.inputs.values())
        if not open_ended or len(counts) != 1 or () in counts:
            return None
        return tuple((name, shape[1:]) for name, shape in shapes.items()), counts.pop()[0]

    def join(self, feeds: Sequence[Feed]) -> Feed:
        """See `Batchable.join`."""
        import tensorflow

        return {name: tensorflow.concat([feed[name] for feed in feeds], axis=0) for name in feeds[0]}

    def split(self, outputs: Feed, rows: Sequence[int]) -> list[Feed] | None:
        """See `Batchable.split`."""
        parts = {name: split(tensor, rows) for name, tensor in outputs.items()}
        if any(part is None for part in parts.values()):
            return None
        return [{name: part[caller] for name, part in parts.items() if part is not None} for caller in range(len(rows))]


class Loaded(NamedTuple):
    """What a version is in memory: the model, and how its calls run, one by one or in batches."""

    model: TensorFlowModel
    run: Callable[[Feed], Feed]


def described(loaded: Loaded) -> Mapping[str, Any]:
    """`signature_key` and `input_signatures` as Cortex 0.22 had them in `model_metadata`.

    A shape is a list of integers, -1 for an unknown one, ["scalar"] for none, ["unknown"] for an unknown rank.
    """
    return {
        "signature_key": loaded.model.key,
        "input_signatures": {
            name: {"shape": _shape(spec.shape), "type": spec.dtype.name} for name, spec in loaded.model.inputs.items()
        },
    }


def _shape(shape: Any) -> list[int | str]:
    if shape.rank is None:
        return ["unknown"]
    return [-1 if size is None else size for size in shape] or ["scalar"]


class TensorFlowClient:
    """What a TensorFlowPredictor is given as `tensorflow_client`."""

    def __init__(self, models: Models, names: Iterable[str] = ()) -> None:
        """`names` are those of `models.paths`, or the single model's."""
        self._models = models
        self._names = names

    @property
    def input_signatures(self) -> dict[str, Any]:
        """Model name -> input name -> shape and type, as clients of Cortex 0.18 to 0.21 had it.

        The single model is `_cortex_default`.
        """
        return {name: described(self._models.get(name).value)["input_signatures"] for name in self._names}

    def predict(
        self, model_input: Mapping[str, Any], model_name: str | None = None, model_version: str | int | None = "latest"
    ) -> dict[str, list[Any]]:
        """Output name -> its values as one flat list, as Cortex gave them; integers are integers.

        `model_input` is a dict by input name of numbers, nested lists or arrays in the model's own shape. Raises
        BadModelInput, and the errors of `Models.get`.
        """
        outputs = self._run(model_input, model_name, model_version)
        return {name: flat_output(tensor) for name, tensor in outputs.items()}

    def predict_arrays(
        self, model_input: Mapping[str, Any], model_name: str | None = None, model_version: str | int | None = "latest"
    ) -> dict[str, Any]:
        """As `predict`, but output name -> numpy array with its shape; not in Cortex."""
        outputs = self._run(model_input, model_name, model_version)
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    def _run(self, model_input: Any, model_name: str | None, model_version: str | int | None) -> Feed:
        loaded: Loaded = self._models.get(model_name, model_version).value
        return loaded.run(_feed(model_input, loaded.model.inputs))


class TensorFlowPredictorType:
    """One SavedModel a version."""

    class_name = "TensorFlowPredictor"
    client_argument = "tensorflow_client"
    layout = TENSORFLOW
    framework = "tensorflow"

    def __init__(self, spec: PredictorSpec, predictor: Any) -> None:  # noqa: ARG002  models load without the user's object
        models = spec.models
        self._batching = spec.batching
        self._caching = models is not None and models.cached
        self._default_key = models.signature_key if models else None
        self._keys = {path.name: path.signature_key for path in models.paths} if models else {}

    def load(self, path: Path, name: str) -> Loaded:
        """The SavedModel in `path`, probed. Raises ValueError when no signature can be chosen, and TensorFlow's errors."""
        import tensorflow  # here, so that other predictor types never pay for its seconds

        loaded = tensorflow.saved_model.load(str(path))
        key = choose_signature(list(loaded.signatures), self._keys.get(name) or self._default_key)
        call = loaded.signatures[key]
        model = TensorFlowModel(loaded, call, dict(sorted(call.structured_input_signature[1].items())), key)
        probe(model)
        return Loaded(model, Batcher(model, self._batching).run if self._batching else model.run)

    @property
    def describe(self) -> Callable[[Loaded], Mapping[str, Any]] | None:
        """Signature key and input signatures; under caching, as in Cortex, no more than versions and times."""
        return None if self._caching else described

    def client(self, models: Models) -> TensorFlowClient:
        """The `tensorflow_client`."""
        return TensorFlowClient(models, self._keys)


def probe(model: TensorFlowModel) -> None:
    """Run the signature once on ones, so that a graph that cannot run never takes the place of one that can.

    Only where the signature fixes types and shapes, but for the number of rows; and what a graph finds wrong with these
    values says nothing of those of callers. Raises TensorFlow's other errors.
    """
    import tensorflow  # loaded already, with the model

    feed = {}
    for name, spec in model.inputs.items():
        shape = [1, *spec.shape[1:]] if spec.shape.rank and spec.shape[0] is None else spec.shape
        numbers = spec.dtype.is_floating or spec.dtype.is_integer or spec.dtype.is_bool
        if not numbers or not tensorflow.TensorShape(shape).is_fully_defined():
            return
        feed[name] = tensorflow.ones(shape, spec.dtype)
    with suppress(BadModelInput):
        model.run(feed)


def choose_signature(keys: list[str], configured: str | None) -> str:
    """The signature to call. Raises ValueError, with the keys that there are, when it is not plain which."""
    listed = ", ".join(map(repr, keys))
    if not keys:
        raise ValueError("the SavedModel has no signatures; export it with `signatures=`")
    if configured is not None:
        if configured not in keys:
            raise ValueError(f"the SavedModel has no signature {configured!r} (signature_key); it has {listed}")
        return configured
    if len(keys) == 1:
        return keys[0]
    for preferred in PREFERRED_SIGNATURES:
        if preferred in keys:
            return preferred
    raise ValueError(f"the SavedModel has several signatures, {listed}: choose one with signature_key in cortex.yaml")


def _feed(model_input: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    wanted = ", ".join(map(repr, inputs))
    if not isinstance(model_input, Mapping):
        raise BadModelInput(
            f"a TensorFlow model takes a dict by input name ({wanted}), not a {type(model_input).__name__}", given=model_input
        )
    for name in (*inputs, *model_input):
        if name not in model_input or name not in inputs:
            problem = "missing from the call" if name not in model_input else "unknown to the model"
            raise BadModelInput(f"input {name!r} is {problem}; the model takes {wanted}", given=model_input, whole=True)
    return {name: tensor_of(model_input[name], name, described) for name, described in inputs.items()}
