"""What becomes of every key on the target that an API was placed on: honoured, approximated, or refused, and how.

Nothing is dropped in silence: each key of the grammar stands in exactly one class per target, and a test walks them all.
A key that is in no table below is honoured.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, NamedTuple

from packager.endpoints import loses_its_steps
from packager.limits import GATEWAY_S
from packager.manifest import Target
from packager.problem import Problem
from packager.spec import ApiSpec
from runtime_handler.contract import IDLE_S

Class = Literal["honoured", "approximated", "refused"]


class Treatment(NamedTuple):
    """What becomes of one key that the user wrote: its line and path as written, its class, and how (empty: as in Cortex)."""

    line: int
    path: str
    kind: Class
    how: str = ""


_BY_ITSELF = "Lambda adds an environment for each request that finds none free, and drops idle ones by itself"
_ONE_AT_A_TIME = "a Lambda environment works on one request at a time"
_NEW_FLEET = "SageMaker starts as many new instances as there are, and stops the old ones afterwards"
_OWN_STEPS = "target tracking chooses its own steps"
_COOLDOWN = "used as the cooldown of target tracking"
_TARGET_TRACKING = {
    "autoscaling.window": "target tracking averages over CloudWatch's own periods",
    "autoscaling.downscale_stabilization_period": _COOLDOWN,
    "autoscaling.upscale_stabilization_period": _COOLDOWN,
    "autoscaling.max_downscale_factor": _OWN_STEPS,
    "autoscaling.max_upscale_factor": _OWN_STEPS,
    "autoscaling.downscale_tolerance": _OWN_STEPS,
    "autoscaling.upscale_tolerance": _OWN_STEPS,
}

EVERYWHERE: Mapping[str, str] = {
    "predictor.image": "not used: images are built on cxpack's own base; requirements.txt or dependencies.sh install what it had",
    "predictor.tensorflow_serving_image": "not used: TensorFlow runs in the API's own process",
    "predictor.shm_size": "left out: the size of /dev/shm is the platform's",
    "networking.local_port": "left out: `cxpack local` serves all APIs behind one address, and --port chooses it",
    "autoscaling.target_cpu_utilization": "left out: replicas follow requests in flight, not CPU",
}
"""Approximated on every target: canonical path -> how."""

APPROXIMATED: Mapping[Target, Mapping[str, str]] = {
    "lambda": {
        "predictor.processes_per_replica": _ONE_AT_A_TIME,
        "predictor.threads_per_process": _ONE_AT_A_TIME,
        "predictor.server_side_batching": f"{_ONE_AT_A_TIME}, so that there is nothing to batch",
        "autoscaling.min_replicas": f"{_BY_ITSELF}; deploy.provisioned_concurrency keeps some ready",
        "autoscaling.max_replicas": f"{_BY_ITSELF}, up to the account's concurrency or deploy.reserved_concurrency",
        "autoscaling.init_replicas": _BY_ITSELF,
        "autoscaling.target_replica_concurrency": _BY_ITSELF,
        "autoscaling.max_replica_concurrency": _ONE_AT_A_TIME,
        "autoscaling.window": _BY_ITSELF,
        "autoscaling.downscale_stabilization_period": _BY_ITSELF,
        "autoscaling.upscale_stabilization_period": _BY_ITSELF,
        "autoscaling.max_downscale_factor": _BY_ITSELF,
        "autoscaling.max_upscale_factor": _BY_ITSELF,
        "autoscaling.downscale_tolerance": _BY_ITSELF,
        "autoscaling.upscale_tolerance": _BY_ITSELF,
        "update_strategy.max_surge": "Lambda moves requests to a new version without replacing replicas",
        "update_strategy.max_unavailable": "Lambda moves requests to a new version without replacing replicas",
        "deploy.instance_type": "Lambda has no instance types",
    },
    "ecs": {
        "autoscaling.init_replicas": "left out: a service starts with one task, and the autoscaler brings it to min_replicas",
        **_TARGET_TRACKING,
        "deploy.package": "ECS runs images only",
        "deploy.memory": "ECS tasks are sized by compute.mem",
        "deploy.timeout": f"a request to ECS ends when nobody waits any more: the HTTP API after {GATEWAY_S} s, or, with "
        f"api_gateway: none, the load balancer after {IDLE_S} s",
        "deploy.instance_type": "APIs without an accelerator run on Fargate, which has no instance types",
        "deploy.ephemeral_storage": "ECS tasks have /tmp in a volume of their own",
        "deploy.snap_start": "only Lambda has snapshots",
        "deploy.provisioned_concurrency": "ECS keeps autoscaling.min_replicas ready",
        "deploy.reserved_concurrency": "ECS runs autoscaling.max_replicas at most",
    },
    "sagemaker": {
        "networking.endpoint": "InvokeEndpoint goes by the name of the endpoint, not by a path",
        "networking.api_gateway": "InvokeEndpoint is the only way in: for IAM identities that may call it, inside or outside",
        **_TARGET_TRACKING,
        "update_strategy.max_surge": _NEW_FLEET,
        "update_strategy.max_unavailable": _NEW_FLEET,
        "deploy.package": "SageMaker runs images only",
        "deploy.memory": "an endpoint's instances are sized by compute",
        "deploy.timeout": "a request to SageMaker ends after 60 s, whatever is said here",
        "deploy.ephemeral_storage": "/tmp is on the disk that SageMaker gives an instance of the type",
        "deploy.snap_start": "only Lambda has snapshots",
        "deploy.provisioned_concurrency": "SageMaker keeps autoscaling.min_replicas ready",
        "deploy.reserved_concurrency": "SageMaker runs autoscaling.max_replicas at most",
        "deploy.auth": "not everybody: callers sign as IAM identities that may call InvokeEndpoint",
        "deploy.throttle": "left out: no route stands before an endpoint; at most max_replica_concurrency reach each instance",
        "deploy.rollout": "all requests move at once: SageMaker's steps take two instances or more, and there are none on Inf1",
    },
}
"""Beyond those of EVERYWHERE."""

REFUSED: Mapping[Target, Mapping[str, str]] = {
    "lambda": {"compute.gpu": "Lambda has no GPUs", "compute.inf": "Lambda has no Inferentia chips"},
    "ecs": {},
    "sagemaker": {},
}
"""What keeps an API off a target; zero of it does not."""


def treatment(path: str, target: Target) -> tuple[Class, str]:
    """The class of a canonical path (without list positions) on a target, and the sentence that explains it."""
    tables: tuple[tuple[Class, Mapping[str, str]], ...] = (
        ("refused", REFUSED[target]),
        ("approximated", EVERYWHERE),
        ("approximated", APPROXIMATED[target]),
    )
    for kind, table in tables:
        around = path
        while around:
            if around in table:
                return kind, table[around]
            around = around.rpartition(".")[0]
    return "honoured", ""


def report(api: ApiSpec, target: Target) -> tuple[Treatment, ...]:
    """What becomes of each key that the user wrote for the API, in the order of the file."""
    return tuple(
        Treatment(line=place.line, path=place.path, kind=kind, how=how)
        for path, place in sorted(api.places.items(), key=lambda item: item[1].line)
        for kind, how in [_of_this(api, path, target)]
    )


def problems(api: ApiSpec, target: Target) -> Iterator[Problem]:
    """A warning for each key that is approximated and an error for each that is refused; said of a section once."""
    for path in sorted(api.places, key=lambda path: api.places[path].line):
        kind, how = _of_this(api, path, target)
        if kind == "honoured" or treatment(path.rpartition(".")[0], target)[0] != "honoured":
            continue
        yield api.problem(path, f"cxpack.{kind}", how, severity="warning" if kind == "approximated" else "error")


_WHEN: Mapping[str, Callable[[ApiSpec], bool]] = {
    "compute.gpu": lambda api: api.compute.gpu > 0,
    "compute.inf": lambda api: api.compute.inf > 0,
    "deploy.instance_type": lambda api: not (api.compute.gpu or api.compute.inf),
    "deploy.auth": lambda api: api.deploy.auth.type == "none",
    "deploy.rollout": loses_its_steps,
}
"""Keys whose row counts for some APIs only; for the others they are honoured."""


def _of_this(api: ApiSpec, path: str, target: Target) -> tuple[Class, str]:
    return treatment(path, target) if path not in _WHEN or _WHEN[path](api) else ("honoured", "")
