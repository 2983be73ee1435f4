"""Where an API runs, at which size, and why: pure functions from a validated API to a `Placement`.

Lambda and then ECS are tried; the first that has no objection takes the API, and the objections of the one before it are
the reason that `check` prints. `deploy.target` picks one, which is the only way to SageMaker: its instances are paid while
idle, and reached by callers of the account alone. What AWS cannot do stays an error, what is merely unwise becomes a warning.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from packager.endpoints import endpoint_objections, endpoint_size
from packager.instances import InstanceType, cheapest, instance_types
from packager.manifest import EcsSize, LambdaSize, Target
from packager.objection import Objection
from packager.sizes import Size
from packager.spec import ApiSpec

LAMBDA_MB_PER_VCPU = 1769
LAMBDA_MEMORY_LIMIT_MB = 10_240
LAMBDA_IMAGE_LIMIT_BYTES = 10 * 2**30
LAMBDA_FLOOR_MB = {"python": 512, "onnx": 512, "tensorflow": 3008}
"""Less memory is less CPU (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html): below these an import
of the flavour's libraries takes so long that the money saved is spent on start-up."""
LAMBDA_TIMEOUT_S = 30
"""The HTTP API gives up after 30 s; a longer run would be paid for and thrown away."""
LAMBDA_STORAGE_MB = 512

FARGATE_MEMORY_MIB: dict[int, range] = {
    256: range(512, 2048 + 1, 512),
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16384 + 1, 1024),
    4096: range(8192, 30720 + 1, 1024),
    8192: range(16384, 61440 + 1, 4096),
    16384: range(32768, 122880 + 1, 8192),
}
"""CPU units -> legal task memory in MiB (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html)."""
INSTANCE_ARCHITECTURE = "x86_64"
"""Of the instances with accelerators that are taken: of AWS's ECS images with drivers, and of the flavours' GPU libraries."""
ECS_FLOOR_MIB = {"python": 512, "onnx": 512, "tensorflow": 2048}
ECS_FLOOR_VCPU = {"python": 0.25, "onnx": 0.25, "tensorflow": 1.0}


class Placement(NamedTuple):
    """A target, a size, and the sentence that explains both; `warning` when the user overrode an objection."""

    target: Target
    size: Size
    reason: str
    warning: str | None = None


class Unplaceable(Exception):
    """No target takes the API; the message is the objections, as one sentence."""


class TargetRule(NamedTuple):
    """One row of the table: what the target cannot run, and the size of what it can."""

    objections: Callable[[ApiSpec, int], Iterator[Objection]]
    size: Callable[[ApiSpec], Size]


def place(api: ApiSpec, image_bytes: int = 0) -> Placement:
    """The placement of a RealtimeAPI whose image is estimated at `image_bytes`.

    Raises Unplaceable when the asked-for target, or every target, cannot run it.
    """
    if api.deploy.target != "auto":
        return _forced(api, api.deploy.target, image_bytes)
    refusals: list[str] = []
    for target in CANDIDATES:
        rule = TARGETS[target]
        objections = [objection.sentence for objection in rule.objections(api, image_bytes)]
        if not objections:
            size = rule.size(api)
            return Placement(target=target, size=size, reason="; ".join([*refusals, _because(api, size)]))
        refusals.append(f"{target} refuses: {', '.join(objections)}")
    raise Unplaceable("; ".join(refusals))


def _forced(api: ApiSpec, target: Target, image_bytes: int) -> Placement:
    rule = TARGETS[target]
    objections = list(rule.objections(api, image_bytes))
    impossible = [objection.sentence for objection in objections if objection.absolute]
    if impossible:
        raise Unplaceable(f"deploy.target is {target}, but {target} refuses: {', '.join(impossible)}")
    unwise = ", ".join(objection.sentence for objection in objections)
    size = rule.size(api)
    return Placement(
        target=target,
        size=size,
        reason=f"deploy.target is {target}; {_because(api, size)}",
        warning=f"deploy.target is {target}, although {unwise}" if unwise else None,
    )


def _because(api: ApiSpec, size: Size) -> str:
    kind = api.served.predictor.type
    asked = f"cpu {api.compute.cpu:g}" + (f", mem {api.compute.mem_mib} MiB" if api.compute.mem_mib else "")
    if isinstance(size, LambdaSize):
        if size.memory_mb == LAMBDA_FLOOR_MB[kind]:
            return f"{asked} and no accelerator; {size.memory_mb} MB is the least that starts {kind} predictors in good time"
        return f"{asked} and no accelerator; Lambda gives a vCPU per {LAMBDA_MB_PER_VCPU} MB"
    if size.instance_type is None:
        return f"{asked}: the smallest Fargate size that holds it"
    if api.deploy.instance_type:
        return f"{size.instance_type} is deploy.instance_type"
    accelerator, count = api.compute.accelerators
    return f"{size.instance_type} is the cheapest instance that holds {asked}" + (f", {accelerator} {count}" if count else "")


def _lambda_objections(api: ApiSpec, image_bytes: int) -> Iterator[Objection]:
    compute, predictor = api.compute, api.served.predictor
    if compute.gpu:
        yield Objection(f"gpu {compute.gpu} is asked for, and it has none")
    if compute.inf:
        yield Objection(f"inf {compute.inf} is asked for, and it has none")
    if api.compute.mem_mib > LAMBDA_MEMORY_LIMIT_MB:
        yield Objection(f"mem {api.compute.mem_mib} MiB is more than its {LAMBDA_MEMORY_LIMIT_MB} MB")
    if compute.cpu * LAMBDA_MB_PER_VCPU > LAMBDA_MEMORY_LIMIT_MB:
        yield Objection(f"cpu {compute.cpu:g} is more than its {LAMBDA_MEMORY_LIMIT_MB / LAMBDA_MB_PER_VCPU:.1f} vCPUs")
    if image_bytes > LAMBDA_IMAGE_LIMIT_BYTES:
        yield Objection(f"the image is estimated at {image_bytes / 2**30:.1f} GiB, over its limit of 10 GiB")
    if predictor.batching is not None:
        yield Objection("it runs one request at a time, so that server_side_batching has nothing to batch", absolute=False)
    if predictor.type == "tensorflow":
        yield Objection("TensorFlow starts too slowly for a first request within 30 s", absolute=False)


def _lambda_size(api: ApiSpec) -> LambdaSize:
    asked = max(api.compute.mem_mib, math.ceil(api.compute.cpu * LAMBDA_MB_PER_VCPU), LAMBDA_FLOOR_MB[api.served.predictor.type])
    return LambdaSize(
        memory_mb=api.deploy.memory_mb or asked,
        timeout_s=math.ceil(api.deploy.timeout_s or LAMBDA_TIMEOUT_S),
        ephemeral_storage_mb=api.deploy.ephemeral_storage_mb or LAMBDA_STORAGE_MB,
        provisioned_concurrency=api.deploy.provisioned_concurrency,
        reserved_concurrency=api.deploy.reserved_concurrency,
        snap_start=api.deploy.snap_start,
    )


def _ecs_objections(api: ApiSpec, _image_bytes: int) -> Iterator[Objection]:
    if api.compute.gpu or api.compute.inf:
        kind, count = api.compute.accelerators
        if api.deploy.architecture != INSTANCE_ARCHITECTURE:
            yield Objection(f"{kind} {count} is asked for, and images for {api.deploy.architecture} do not run on such instances")
        elif _instance(api) is None:
            asked = f"{kind} {count}, cpu {api.compute.cpu:g} and mem {api.compute.mem_mib} MiB"
            if api.deploy.instance_type:
                yield Objection(f"{api.deploy.instance_type} does not hold {asked}")
            else:
                yield Objection(f"no instance type holds {asked}")
    elif _fargate(api) is None:
        yield Objection(
            f"no Fargate size holds cpu {api.compute.cpu:g} and mem {api.compute.mem_mib} MiB (at most 16 vCPU, 122880 MiB)"
        )


def _ecs_size(api: ApiSpec) -> EcsSize:
    instance = _instance(api)
    if instance is not None:
        kind, count = api.compute.accelerators
        tasks = instance.tasks(kind, count)
        return EcsSize(
            cpu_units=instance.vcpu * 1024 // tasks,
            memory_mib=instance.usable_memory_mib // tasks,
            gpu=api.compute.gpu,
            inf=api.compute.inf,
            instance_type=instance.name,
        )
    pair = _fargate(api)
    assert pair is not None, "an API that ECS refused is not sized"
    return EcsSize(cpu_units=pair[0], memory_mib=pair[1])


def _instance(api: ApiSpec) -> InstanceType | None:
    if not (api.compute.gpu or api.compute.inf):
        return None
    kind, count = api.compute.accelerators
    types = instance_types()
    if api.deploy.instance_type:
        named = types.get(api.deploy.instance_type)
        memory, fits = api.compute.mem_mib, False
        if named is not None and named.architecture == INSTANCE_ARCHITECTURE:
            fits = named.holds(kind, count, api.compute.cpu, memory)
        return named if fits else None
    return cheapest(types.values(), kind, count, api.compute.cpu, api.compute.mem_mib)


def _fargate(api: ApiSpec) -> tuple[int, int] | None:
    kind = api.served.predictor.type
    vcpu = max(api.compute.cpu, ECS_FLOOR_VCPU[kind])
    memory = max(api.compute.mem_mib, ECS_FLOOR_MIB[kind])
    fitting = (
        (units, mib) for units, sizes in FARGATE_MEMORY_MIB.items() if units >= vcpu * 1024 for mib in sizes if mib >= memory
    )
    return min(fitting, default=None)


TARGETS: dict[Target, TargetRule] = {
    "lambda": TargetRule(_lambda_objections, _lambda_size),
    "ecs": TargetRule(_ecs_objections, _ecs_size),
    "sagemaker": TargetRule(endpoint_objections, endpoint_size),
}
CANDIDATES: tuple[Target, ...] = ("lambda", "ecs")
"""For `deploy.target: auto`."""
