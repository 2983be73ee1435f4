"""The keys of `predictor:`, as of Cortex 0.22 with `log_level`, `shm_size` and batching for all types from later releases."""

from packager.containers import FreeMap, ListOf, MapOf
from packager.fields import Field, Section
from packager.quantities import Duration, Quantity
from packager.values import Choice, Integer, Pattern, Range, Text
from runtime_handler.contract import SINGLE_MODEL

_MODEL_NAME = Pattern(
    regex="[A-Za-z0-9_-]+",
    code="configreader.alpha_numeric_dash_underscore",
    allows="use letters, digits, dashes and underscores",
)
_RELATIVE = Pattern(
    regex=r"(?![/~])[\s\S]*",
    code="spec.must_be_relative_project_path",
    allows="write it relative to the folder of this file",
)
_ENVIRONMENT_VARIABLE = Pattern(
    regex=r"(?!CORTEX_)[^=\x00]+",
    code="spec.cortex_prefixed_env_var_not_allowed",
    allows="write one without = that does not begin with CORTEX_",
)

_IMAGE = Pattern(
    regex=r"([A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?",
    code="configreader.invalid_docker_image",
    allows="write registry/repository:tag",
)
PREDICTOR_TYPES = ("python", "tensorflow", "onnx")

_ONE = Range(minimum=1)
_SIGNATURE_KEY = Field(
    "signature_key",
    Text(),
    "name of the SavedModel signature to run; needed when the model has several",
    predictor_types=("tensorflow",),
)
_PATH = Text(what="an s3:// prefix or a folder")

MODELS = Section(
    (
        Field(
            "paths",
            ListOf(
                Section(
                    (
                        Field(
                            "name",
                            Text(patterns=(_MODEL_NAME,), disallowed=(SINGLE_MODEL,), disallowed_code="spec.reserved_model_name"),
                            "what requests call the model",
                            required=True,
                            placeholder="",
                        ),
                        Field(
                            "path", _PATH, "the model's S3 prefix or folder", required=True, placeholder="", alias="model_path"
                        ),
                        _SIGNATURE_KEY,
                    )
                )
            ),
            "the models, each with a name",
            default=(),
            nullable=True,
        ),
        Field("dir", _PATH, "S3 prefix or folder whose children are the models"),
        Field("path", _PATH, "the one model's S3 prefix or folder (the same as predictor.model_path)"),
        _SIGNATURE_KEY,
        Field("cache_size", Integer(_ONE), "model versions to keep in memory"),
        Field("disk_cache_size", Integer(_ONE), "model versions to keep on disk, at least cache_size"),
    )
)

BATCHING = Section(
    (
        Field(
            "max_batch_size",
            Integer(Range(minimum=2, maximum=1024)),
            "most requests in one model run",
            required=True,
            placeholder=2,
        ),
        Field("batch_interval", Duration(Range(above=0)), "longest wait for a batch to fill", required=True, placeholder=1.0),
    )
)

PREDICTOR = Section(
    (
        Field("type", Choice(PREDICTOR_TYPES), "which Predictor class is implemented", required=True, placeholder="python"),
        Field("path", Text(what="a Python file of the project"), "file with the Predictor class", required=True, placeholder=""),
        Field("model_path", _PATH, "S3 prefix or folder of the API's one model"),
        Field("models", MODELS, "several models, or a model cache"),
        _SIGNATURE_KEY,
        Field("server_side_batching", BATCHING, "run several requests through the model at once", nullable=True),
        Field("processes_per_replica", Integer(Range(minimum=1, maximum=100)), "processes that serve in each replica", default=1),
        Field("threads_per_process", Integer(_ONE), "requests that each process works on at a time", default=1),
        Field(
            "python_path",
            Text(
                what="a folder of the project",
                disallowed=(".", "./", "./."),
                disallowed_why="is the default; remove the key",
                patterns=(_RELATIVE,),
            ),
            "folder that imports begin at, instead of the project's",
        ),
        Field("config", FreeMap(), "passed to the Predictor's constructor", default={}, nullable=True),
        Field("env", MapOf(Text(), _ENVIRONMENT_VARIABLE), "environment variables", default={}),
        Field("image", Text(what="a container image", patterns=(_IMAGE,), max_length=500), "Cortex's image of the API"),
        Field(
            "tensorflow_serving_image",
            Text(what="a container image", patterns=(_IMAGE,), max_length=500),
            "Cortex's image of TensorFlow Serving",
            predictor_types=("tensorflow",),
        ),
        Field("log_level", Choice(("debug", "info", "warning", "error")), "the least severe log lines to write", default="info"),
        Field("shm_size", Quantity(example="64Mi", minimum="0"), "shared memory of each replica"),
    )
)
