"""api.json: all that a serving process must know of one API, and the names it shares with the stacks.

Standard library only: the packager writes this file, the CDK app reads parts of it, and a Lambda start pays for
every module that it imports and every class that it makes (a dataclass takes eight times what a named tuple does). The
packager has validated everything; `ServeSpec.load` checks the format number only.

Nothing in it depends on the bytes of project files or on compute sizes, so that changing `compute.mem` rebuilds no image.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

FORMAT = 1
"""Number of the api.json layout. A runtime refuses any other and says which command to run again."""

SINGLE_MODEL = "_cortex_default"
"""Internal name of the one model of `model_path` (Cortex 0.22, reserved: no user's model may have it)."""

METRICS_NAMESPACE = "cxpack"
MODELS_SHARE = 7 / 8
"""Of a process's memory that loaded models may take where nobody says how much; the rest is for requests, and what grows."""
SECRETS = "CXPACK_SECRETS"
"""Environment variable that the stacks set where the platform resolves no secrets itself: a JSON object from the name of
a variable to an ARN, `ssm:/parameter/name` or `secretsmanager:name`."""

METRICS_NAME = "CXPACK_METRICS_NAME"
"""Environment variable that the stacks set: the value of the dimension APIName. Unset, it is the API's name, which other
projects and environments of the same account may have too."""
IDLE_S = 900
"""How long the stacks' load balancer keeps a connection on which nothing moves, and so the longest that it waits for an answer:
as long as `deploy.timeout` may be. The runtime keeps its connections longer than that."""
METRICS: Mapping[str, str] = {
    "StatusCode": "Count",
    "Latency": "Milliseconds",
    "InFlight": "Count",
    "Prediction": "None",
    "ModelLoad": "Milliseconds",
    "ModelLoadError": "Count",
    "ModelEviction": "Count",
    "ModelCacheHit": "Count",
    "ModelCacheMiss": "Count",
    "SourceStale": "Seconds",
}
"""CloudWatch unit of every metric that the runtime emits; alarms and dashboards use no other name."""
HIGH_RESOLUTION = frozenset({"InFlight"})
"""Those that CloudWatch keeps by the second, not by the minute: one value in ten seconds is to be seen as such."""

PredictorTypeName = Literal["python", "tensorflow", "onnx"]
Accelerator = Literal["cpu", "gpu", "inf"]
LogLevel = Literal["debug", "info", "warning", "error"]
MonitoredType = Literal["classification", "regression"]


class FormatError(Exception):
    """api.json was written by another version of cxpack, or is no api.json."""


class ModelPath(NamedTuple):
    """One entry of `models.paths`, or the single `model_path` under the name SINGLE_MODEL.

    `path` is an `s3://bucket/prefix/`, an absolute folder, or a folder relative to the one that holds api.json. A path
    that ends in `.onnx` is that one file, an unversioned model.
    """

    name: str
    path: str
    signature_key: str | None = None


class ModelsSpec(NamedTuple):
    """Where the API's models are: exactly one of `paths` (non-empty) and `dir`; the two counts come together.

    `cache_size` and `disk_cache_size` count model versions; `cache_bytes` and `disk_cache_bytes` are budgets beside the
    counts, or without them. Without any of the four, every version of every model is kept on disk and in memory.
    """

    paths: tuple[ModelPath, ...] = ()
    dir: str | None = None
    signature_key: str | None = None
    cache_size: int | None = None
    disk_cache_size: int | None = None
    cache_bytes: int | None = None
    disk_cache_bytes: int | None = None

    @property
    def single(self) -> bool:
        """Whether the API has the one model of `model_path`, for which clients ignore the name argument."""
        return len(self.paths) == 1 and self.paths[0].name == SINGLE_MODEL

    @property
    def places(self) -> tuple[str, ...]:
        """Where models are: the path of each, or of the folder that holds them all."""
        return (self.dir,) if self.dir is not None else tuple(path.path for path in self.paths)

    @property
    def cached(self) -> bool:
        """Whether there is a limit to the models that are kept, so that they are loaded when they are asked for."""
        return any(
            limit is not None for limit in (self.cache_size, self.disk_cache_size, self.cache_bytes, self.disk_cache_bytes)
        )


class BatchingSpec(NamedTuple):
    """`server_side_batching`: at most `max_batch_size` calls a run, waiting at most `batch_interval_s` seconds for them."""

    max_batch_size: int
    batch_interval_s: float


class PredictorSpec(NamedTuple):
    """The `predictor` section. `path` and `python_path` are relative to the project's folder; `config` is the user's."""

    type: PredictorTypeName
    path: str
    python_path: str | None = None
    config: Mapping[str, Any] = MappingProxyType({})
    env: Mapping[str, str] = MappingProxyType({})
    models: ModelsSpec | None = None
    batching: BatchingSpec | None = None
    processes_per_replica: int = 1
    threads_per_process: int = 1
    log_level: LogLevel = "info"


class MonitoringSpec(NamedTuple):
    """The `monitoring` section: `key` names a top-level key of the returned dict, None means the value itself."""

    model_type: MonitoredType
    key: str | None = None


class ServeSpec(NamedTuple):
    """One API as its serving process sees it. `endpoint` begins with `/`; `warmup` is a JSON file of the project."""

    name: str
    endpoint: str
    predictor: PredictorSpec
    accelerator: Accelerator = "cpu"
    monitoring: MonitoringSpec | None = None
    max_replica_concurrency: int = 1024
    warmup: str | None = None

    def dump(self) -> str:
        """The text of api.json: sorted keys, two spaces, a newline at the end; the same spec gives the same text."""
        return json.dumps({"format": FORMAT, **plain(self)}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def load(cls, text: str) -> "ServeSpec":
        """The spec of an api.json's text.

        Raises FormatError when the text is no api.json of this format.
        """
        try:
            data = json.loads(text)
        except ValueError as error:
            raise FormatError(f"api.json is not JSON ({error}); run `cxpack synth` again") from None
        if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
            raise FormatError(f"api.json is not of format {FORMAT}; run `cxpack synth` again with this version of cxpack")
        predictor = data.pop("predictor")
        models = predictor.pop("models")
        batching = predictor.pop("batching")
        monitoring = data.pop("monitoring")
        if models is not None:
            models = ModelsSpec(**{**models, "paths": tuple(ModelPath(**path) for path in models["paths"])})
        return cls(
            **data,
            predictor=PredictorSpec(
                **predictor,
                models=models,
                batching=None if batching is None else BatchingSpec(**batching),
            ),
            monitoring=None if monitoring is None else MonitoringSpec(**monitoring),
        )


def plain(value: Any) -> Any:
    """A value of named tuples and mappings in the dicts and lists that JSON knows."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value
