"""What must hold between the keys that say where an API's models are; see `rules`."""

import re
from collections.abc import Callable, Iterator, Sequence

from packager.fault import Fault
from packager.model_paths import locations
from packager.spec import ApiSpec
from runtime_handler.contract import ModelsSpec

Rule = Callable[[ApiSpec], Iterator[Fault]]


def _models(api: ApiSpec) -> ModelsSpec | None:
    return None if api.serve is None else api.serve.predictor.models


def one_way_to_say_where_models_are(api: ApiSpec) -> Iterator[Fault]:
    """`model_path` or `models`, and in `models` one of `paths`, `dir` and `path`."""
    if "predictor.model_path" in api.places and "predictor.models" in api.places:
        yield Fault("predictor.models", "spec.conflicting_fields", "stands beside model_path; keep one of them")
    given = [key for key in ("paths", "dir", "path") if f"predictor.models.{key}" in api.places]
    if len(given) > 1:
        yield Fault(f"predictor.models.{given[1]}", "spec.conflicting_fields", f"stands beside {given[0]}; keep one of them")
    models = _models(api)
    if models is not None and "predictor.models" in api.places and not models.paths and models.dir is None:
        message = "says neither paths nor dir; one of them says where the models are"
        yield Fault(
            "predictor.models", "spec.specify_one_or_the_other", message, ("predictor.models.paths", "predictor.models.dir")
        )


def models_are_given_where_the_type_needs_them(api: ApiSpec) -> Iterator[Fault]:
    """TensorFlow and ONNX predictors have a model."""
    predictor = None if api.serve is None else api.serve.predictor
    if predictor is not None and predictor.type != "python" and predictor.models is None:
        message = f"{predictor.type} predictors need a model; add model_path, or models for several"
        yield Fault("predictor", "spec.missing_model", message, ("predictor.type", "predictor.model_path", "predictor.models"))


def model_names_are_unique(api: ApiSpec) -> Iterator[Fault]:
    """No two entries of `models.paths` have one name."""
    models = _models(api)
    seen: dict[str, int] = {}
    for number, path in enumerate(models.paths if models is not None else ()):
        at = f"predictor.models.paths[{number}].name"
        if path.name in seen:
            yield Fault(
                at,
                "spec.duplicate_model_names",
                f'"{path.name}" names the model at paths[{seen[path.name]}] already; rename one',
                (at,),
            )
        seen.setdefault(path.name, number)


def cache_sizes_come_together(api: ApiSpec) -> Iterator[Fault]:
    """`cache_size` and `disk_cache_size`: both or neither."""
    models = _models(api)
    if models is None or (models.cache_size is None) == (models.disk_cache_size is None):
        return
    given, missing = ("cache_size", "disk_cache_size") if models.disk_cache_size is None else ("disk_cache_size", "cache_size")
    needs = ("predictor.models.cache_size", "predictor.models.disk_cache_size")
    yield Fault(f"predictor.models.{given}", "spec.specify_all_or_none", f"{given} needs {missing} beside it", needs)


def disk_cache_holds_memory_cache(api: ApiSpec) -> Iterator[Fault]:
    """`cache_size` is at most `disk_cache_size`."""
    models = _models(api)
    if models is None or models.cache_size is None or models.disk_cache_size is None:
        return
    if models.cache_size > models.disk_cache_size:
        message = f"{models.cache_size} is more than disk_cache_size ({models.disk_cache_size}); models in memory are on disk too"
        at, needs = "predictor.models.cache_size", ("predictor.models.disk_cache_size",)
        yield Fault(at, "spec.config_greater_than_other_config", message, needs)


def caching_needs_one_process(api: ApiSpec) -> Iterator[Fault]:
    """A model cache works in one process only."""
    predictor = None if api.serve is None else api.serve.predictor
    models = _models(api)
    if predictor is not None and models is not None and models.cache_size is not None and predictor.processes_per_replica > 1:
        code = "spec.model_caching_not_supported_when_multiprocessing_enabled"
        message = f"a model cache needs processes_per_replica: 1, not {predictor.processes_per_replica}"
        yield Fault("predictor.models.cache_size", code, message, ("predictor.processes_per_replica",))


_S3_PATH = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?", re.DOTALL)


def model_paths_lead_to_folders(api: ApiSpec) -> Iterator[Fault]:
    """A model path is an S3 prefix or a folder; for ONNX it may be the one `.onnx` file, as before 0.22 and from 0.25."""
    for location in locations(api):
        path, at = location.path, location.at
        store, separator, _ = path.partition("://")
        if path.startswith("s3://") and not _S3_PATH.fullmatch(path):
            yield Fault(at, "aws.invalid_s3_path", f'"{path}" is no S3 path; write s3://bucket/prefix', (at,))
        elif separator and store != "s3":
            yield Fault(
                at, "cxpack.unsupported_store", f"models are read from s3:// paths and local folders, not from {store}://", (at,)
            )
        elif path.endswith(".zip"):
            message = f"{path} is a .zip file; unpack it, and name the folder with saved_model.pb in it"
            yield Fault(at, "spec.model_path_not_directory", message, (at,))
        elif path.endswith(".onnx") and (location.is_dir or (api.serve is not None and api.serve.predictor.type != "onnx")):
            yield Fault(
                at, "spec.model_path_not_directory", f"{path} is a file; name the folder that holds it", (at, "predictor.type")
            )


MODEL_RULES: Sequence[Rule] = (
    one_way_to_say_where_models_are,
    models_are_given_where_the_type_needs_them,
    model_names_are_unique,
    cache_sizes_come_together,
    disk_cache_holds_memory_cache,
    caching_needs_one_process,
    model_paths_lead_to_folders,
)
