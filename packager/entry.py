"""An entry's values, as the grammar read them, made into an ApiSpec: the last place that sees a dict."""

from collections.abc import Mapping
from math import ceil
from posixpath import normpath
from typing import Any

from packager.fields import Place
from packager.images import DEFAULT_PYTHON, FLAVOURS
from packager.spec import (
    ApiSpec,
    Auth,
    Autoscaling,
    Compute,
    DeploySpec,
    Networking,
    Permission,
    Rollout,
    Split,
    Throttle,
    UpdateStrategy,
)
from runtime_handler.contract import (
    SINGLE_MODEL,
    Accelerator,
    BatchingSpec,
    ModelPath,
    ModelsSpec,
    MonitoringSpec,
    PredictorSpec,
    ServeSpec,
)

Values = Mapping[str, Any]


def build(values: Values, *, file: str, line: int, path: str, places: Mapping[str, Place]) -> ApiSpec:
    """The API of an entry's values, read by the grammar's section for its kind."""
    networking = _networking(values["networking"], values["name"])
    predictor = values.get("predictor")
    scaling = values.get("autoscaling") or {}
    compute = _compute(values.get("compute"), predictor)
    return ApiSpec(
        name=values["name"],
        kind=values["kind"],
        file=file,
        line=line,
        path=path,
        serve=None if predictor is None else _serve(values, predictor, scaling, compute, networking),
        compute=compute,
        autoscaling=_autoscaling(scaling, predictor) if scaling else Autoscaling(),
        update_strategy=UpdateStrategy(**(values.get("update_strategy") or {})),
        networking=networking,
        deploy=_deploy(values["deploy"] or {}, predictor, compute),
        splits=tuple(Split(**split) for split in values.get("apis", ())),
        image=None if predictor is None else predictor["image"],
        tensorflow_serving_image=None if predictor is None else predictor["tensorflow_serving_image"],
        places=places,
    )


def _networking(values: Values, name: str) -> Networking:
    endpoint = values["endpoint"] or name
    return Networking(endpoint="/" + endpoint.strip("/"), api_gateway=values["api_gateway"], local_port=values.get("local_port"))


def _compute(values: Values | None, predictor: Values | None) -> Compute:
    if values is None:
        return Compute()
    shared = None if predictor is None else predictor["shm_size"]
    return Compute(
        cpu=values["cpu"],
        mem=None if values["mem"] is None else ceil(values["mem"]),
        gpu=values["gpu"],
        inf=values["inf"],
        shm=None if shared is None else ceil(shared),
    )


def _autoscaling(values: Values, predictor: Values | None) -> Autoscaling:
    init, target = values["init_replicas"], values["target_replica_concurrency"]
    parallel = 1 if predictor is None else predictor["processes_per_replica"] * predictor["threads_per_process"]
    return Autoscaling(
        min_replicas=values["min_replicas"],
        max_replicas=values["max_replicas"],
        init_replicas=values["min_replicas"] if init is None else init,
        target_replica_concurrency=float(parallel) if target is None else target,
        max_replica_concurrency=values["max_replica_concurrency"],
        window_s=values["window"],
        upscale_stabilization_s=values["upscale_stabilization_period"],
        downscale_stabilization_s=values["downscale_stabilization_period"],
        max_upscale_factor=values["max_upscale_factor"],
        max_downscale_factor=values["max_downscale_factor"],
        upscale_tolerance=values["upscale_tolerance"],
        downscale_tolerance=values["downscale_tolerance"],
    )


def _serve(values: Values, predictor: Values, scaling: Values, compute: Compute, networking: Networking) -> ServeSpec:
    batching = predictor["server_side_batching"]
    monitoring = values.get("monitoring")
    python_path = predictor["python_path"]
    warmup = (values["deploy"] or {}).get("warmup")
    return ServeSpec(
        name=values["name"],
        endpoint=networking.endpoint,
        predictor=PredictorSpec(
            type=predictor["type"],
            path=_normal(predictor["path"]),
            python_path=None if python_path is None else _normal(python_path),
            config=predictor["config"],
            env=predictor["env"],
            models=_models(predictor, values["deploy"] or {}),
            batching=None
            if batching is None
            else BatchingSpec(max_batch_size=batching["max_batch_size"], batch_interval_s=batching["batch_interval"]),
            processes_per_replica=predictor["processes_per_replica"],
            threads_per_process=predictor["threads_per_process"],
            log_level=predictor["log_level"],
        ),
        accelerator=_accelerator(compute),
        monitoring=None if monitoring is None else MonitoringSpec(**monitoring),
        max_replica_concurrency=scaling.get("max_replica_concurrency", 1024),
        warmup=None if warmup is None else _normal(warmup),
    )


def _normal(path: str) -> str:
    """A path of the project as its files are listed: without `.`, `..` and slashes that lead nowhere."""
    return normpath(path) if path else path


def _models(predictor: Values, deploy: Values) -> ModelsSpec | None:
    single, models = predictor["model_path"], predictor["models"]
    budgets = {key: ceil(deploy[key]) for key in ("cache_bytes", "disk_cache_bytes") if deploy.get(key) is not None}
    if single is not None:
        only = ModelPath(name=SINGLE_MODEL, path=single, signature_key=predictor["signature_key"])
        return ModelsSpec(paths=(only,), **budgets)
    if models is None:
        return None
    key = models["signature_key"] or (predictor["signature_key"] if models["path"] is not None else None)
    paths = tuple(
        ModelPath(name=path["name"], path=path["path"], signature_key=path["signature_key"] or key)
        for path in models["paths"] or ()
    )
    if models["path"] is not None:
        paths = (ModelPath(name=SINGLE_MODEL, path=models["path"], signature_key=key),)
    return ModelsSpec(
        paths=paths,
        dir=models["dir"],
        signature_key=key,
        cache_size=models["cache_size"],
        disk_cache_size=models["disk_cache_size"],
        **budgets,
    )


def _deploy(values: Values, predictor: Values | None, compute: Compute) -> DeploySpec:
    python = values.get("python") or _default_python(predictor, compute)
    if not values:
        return DeploySpec(python=python)
    auth, throttle, rollout = values["auth"], values["throttle"], values["rollout"]
    same = (
        "target",
        "package",
        "architecture",
        "snap_start",
        "provisioned_concurrency",
        "reserved_concurrency",
        "instance_type",
        "secrets",
        "warmup",
    )
    return DeploySpec(
        **{key: values[key] for key in same},
        python=python,
        memory_mb=values["memory"],
        timeout_s=values["timeout"],
        ephemeral_storage_mb=values["ephemeral_storage"],
        permissions=tuple(
            Permission(actions=tuple(each["actions"]), resources=tuple(each["resources"]), reason=each["reason"])
            for each in values["permissions"]
        ),
        auth=Auth() if auth is None else Auth(type=auth["type"], issuer=auth["issuer"], audience=tuple(auth["audience"] or ())),
        throttle=None if throttle is None else Throttle(**throttle),
        rollout=None
        if rollout is None
        else Rollout(strategy=rollout["strategy"], percent=rollout["percent"], interval_s=rollout["interval"]),
    )


def _default_python(predictor: Values | None, compute: Compute) -> str:
    """Python 3.12 where the API's image is offered with it, otherwise the newest that is (Inferentia's images trail behind)."""
    flavour = None if predictor is None else FLAVOURS.get((predictor["type"], _accelerator(compute)))
    if flavour is None or DEFAULT_PYTHON in flavour.pythons:
        return DEFAULT_PYTHON
    return max(flavour.pythons, key=lambda version: int(version.partition(".")[2]))


def _accelerator(compute: Compute) -> Accelerator:
    return "gpu" if compute.gpu else "inf" if compute.inf else "cpu"
