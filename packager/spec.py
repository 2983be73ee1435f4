"""ApiSpec: one validated entry of cortex.yaml, defaults filled in, units resolved; what everyone after the reader works on."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from packager.fields import Place
from packager.problem import Problem, Severity
from packager.units import Portion
from runtime_handler.contract import ServeSpec

Kind = Literal["RealtimeAPI", "BatchAPI", "TrafficSplitter"]

QUARTER = Portion(25, percent=True)
"""Cortex's default for both halves of an update strategy."""


class Compute(NamedTuple):
    """What one replica needs: vCPUs, bytes of memory and of shared memory (None: not said), GPUs, Inferentia chips."""

    cpu: float = 0.2
    mem: int | None = None
    gpu: int = 0
    inf: int = 0
    shm: int | None = None

    @property
    def mem_mib(self) -> int:
        """`mem` in whole MiB; 0 when it was not said."""
        return math.ceil((self.mem or 0) / 2**20)

    @property
    def accelerators(self) -> tuple[Literal["gpu", "inf"], int]:
        """Of which kind, and how many: (gpu, 0) for none."""
        return ("inf", self.inf) if self.inf and not self.gpu else ("gpu", self.gpu)


class Autoscaling(NamedTuple):
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


class UpdateStrategy(NamedTuple):
    """How many replicas may be too many, and missing, while an update replaces them."""

    max_surge: Portion = QUARTER
    max_unavailable: Portion = QUARTER


class Networking(NamedTuple):
    """Where requests arrive. `endpoint` begins with a slash and ends with none; `local_port` is Cortex's, None if absent."""

    endpoint: str
    api_gateway: Literal["public", "none"] = "public"
    local_port: int | None = None


class Auth(NamedTuple):
    """Who may call the API; `issuer` and `audience` are those of a JWT."""

    type: Literal["none", "iam", "jwt"] = "none"
    issuer: str | None = None
    audience: tuple[str, ...] = ()


class Throttle(NamedTuple):
    """Requests a second, and at once."""

    rate: float
    burst: int


class Permission(NamedTuple):
    """IAM actions allowed on resources, and why."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    reason: str | None = None


class Rollout(NamedTuple):
    """How a new version takes over: the share that a step moves, and the seconds between steps; None: the target's default."""

    strategy: Literal["all_at_once", "canary", "linear"]
    percent: int | None = None
    interval_s: float | None = None


class DeploySpec(NamedTuple):
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
    reserved_concurrency: int | None = None
    instance_type: str | None = None
    permissions: tuple[Permission, ...] = ()
    auth: Auth = Auth()
    throttle: Throttle | None = None
    secrets: Mapping[str, str] = MappingProxyType({})
    warmup: str | None = None
    rollout: Rollout | None = None


class Split(NamedTuple):
    """One API of a TrafficSplitter, with its per cent of the requests."""

    name: str
    weight: int


class ApiSpec(NamedTuple):
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
    networking: Networking
    compute: Compute = Compute()
    autoscaling: Autoscaling = Autoscaling()
    update_strategy: UpdateStrategy = UpdateStrategy()
    deploy: DeploySpec = DeploySpec()
    splits: tuple[Split, ...] = ()
    image: str | None = None
    tensorflow_serving_image: str | None = None
    places: Mapping[str, Place] = MappingProxyType({})

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
