"""ApiSpec: one validated entry of cortex.yaml, defaults filled in, units resolved; what everyone after the reader works on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Literal

from packager.fields import Place
from packager.problem import Problem, Severity
from packager.units import Portion
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

Kind = Literal["RealtimeAPI", "BatchAPI", "TrafficSplitter"]

QUARTER = Portion(25, percent=True)
"""Cortex's default for both halves of an update strategy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """What one replica needs: vCPUs, bytes of memory and of shared memory (None: not said), GPUs, Inferentia chips."""

    cpu: float = 0.2
    mem: int | None = None
    gpu: int = 0
    inf: int = 0
    shm: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoscaling:
    """How many replicas run; names, units (seconds) and defaults are Cortex 0.22's."""

    min_replicas: int = 1
    max_replicas: int = 100
    init_replicas: int = 1
    target_replica_concurrency: float = 1.0
    max_replica_concurrency: int = 1024
    window_s: float = 60.0
    upscale_stabilization_s: float = 60.0
    downscale_stabilization_s: float = 300.0
    max_upscale_factor: float = 1.5
    max_downscale_factor: float = 0.75
    upscale_tolerance: float = 0.05
    downscale_tolerance: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateStrategy:
    """How many replicas may be too many, and missing, while an update replaces them."""

    max_surge: Portion = QUARTER
    max_unavailable: Portion = QUARTER


@dataclass(frozen=True, slots=True, kw_only=True)
class Networking:
    """Where requests arrive. `endpoint` begins with a slash and ends with none; `local_port` is Cortex's, None if absent."""

    endpoint: str
    api_gateway: Literal["public", "none"] = "public"
    local_port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """Who may call the API; `issuer` and `audience` are those of a JWT."""

    type: Literal["none", "iam", "jwt"] = "none"
    issuer: str | None = None
    audience: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """Requests a second, and at once."""

    rate: float
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """IAM actions allowed on resources, and why."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """How a new version takes over: the share that a step moves, and the seconds between steps; None: the target's default."""

    strategy: Literal["all_at_once", "canary", "linear"]
    percent: int | None = None
    interval_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploySpec:
    """cxpack's own section. Sizes are MB, times seconds; None leaves the choice to placement."""

    target: Literal["auto", "lambda", "ecs", "sagemaker"] = "auto"
    package: Literal["image", "zip"] = "image"
    python: str = "3.12"
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    memory_mb: int | None = None
    timeout_s: float | None = None
    ephemeral_storage_mb: int | None = None
    snap_start: bool = False
    provisioned_concurrency: int = 0
    instance_type: str | None = None
    permissions: tuple[Permission, ...] = ()
    auth: Auth = Auth()
    throttle: Throttle | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    warmup: str | None = None
    rollout: Rollout | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One API of a TrafficSplitter, with its per cent of the requests."""

    name: str
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSpec:
    """One API. `serve` is the part that its process needs (a TrafficSplitter has none), the rest is for the stacks.

    `line` is where the entry begins in `file`. `image` and `tensorflow_serving_image` are Cortex's, kept for the report.
    `places` has every key that the user wrote, by canonical path (`compute.mem`), so that anyone can point at it.
    """

    name: str
    kind: Kind
    file: str
    line: int
    path: str
    serve: ServeSpec | None
    compute: Compute = Compute()
    autoscaling: Autoscaling = Autoscaling()
    update_strategy: UpdateStrategy = UpdateStrategy()
    networking: Networking
    deploy: DeploySpec = DeploySpec()
    splits: tuple[Split, ...] = ()
    image: str | None = None
    tensorflow_serving_image: str | None = None
    places: Mapping[str, Place] = field(default_factory=dict, compare=False, repr=False)

    @property
    def served(self) -> ServeSpec:
        """`serve`, of an API that has a predictor: a RealtimeAPI or a BatchAPI."""
        assert self.serve is not None, f"a {self.kind} has no predictor"
        return self.serve

    def problem(self, at: str, code: str, message: str, *, severity: Severity = "error") -> Problem:
        """A problem with the key at the canonical path `at`, or with the nearest section around it that the user wrote."""
        place, around = self.places.get(at), at
        while place is None and around:
            around = around[: max(around.rfind("."), around.rfind("["), 0)]
            place = self.places.get(around)
        place = place or Place(self.line, self.path)
        return Problem(severity=severity, code=code, file=self.file, line=place.line, path=place.path, message=message)


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
        deploy=_deploy(values["deploy"] or {}),
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
    accelerator: Accelerator = "gpu" if compute.gpu else "inf" if compute.inf else "cpu"
    batching = predictor["server_side_batching"]
    monitoring = values.get("monitoring")
    python_path = predictor["python_path"]
    return ServeSpec(
        name=values["name"],
        endpoint=networking.endpoint,
        predictor=PredictorSpec(
            type=predictor["type"],
            path=predictor["path"].removeprefix("./"),
            python_path=None if python_path is None else python_path.removeprefix("./").rstrip("/"),
            config=predictor["config"],
            env=predictor["env"],
            models=_models(predictor),
            batching=None
            if batching is None
            else BatchingSpec(max_batch_size=batching["max_batch_size"], batch_interval_s=batching["batch_interval"]),
            processes_per_replica=predictor["processes_per_replica"],
            threads_per_process=predictor["threads_per_process"],
            log_level=predictor["log_level"],
        ),
        accelerator=accelerator,
        monitoring=None if monitoring is None else MonitoringSpec(**monitoring),
        max_replica_concurrency=scaling.get("max_replica_concurrency", 1024),
        warmup=(values["deploy"] or {}).get("warmup"),
    )


def _models(predictor: Values) -> ModelsSpec | None:
    single, models = predictor["model_path"], predictor["models"]
    if single is not None:
        return ModelsSpec(paths=(ModelPath(name=SINGLE_MODEL, path=single, signature_key=predictor["signature_key"]),))
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
    )


def _deploy(values: Values) -> DeploySpec:
    if not values:
        return DeploySpec()
    auth, throttle, rollout = values["auth"], values["throttle"], values["rollout"]
    same = (
        "target",
        "package",
        "python",
        "architecture",
        "snap_start",
        "provisioned_concurrency",
        "instance_type",
        "secrets",
        "warmup",
    )
    return DeploySpec(
        **{key: values[key] for key in same},
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
