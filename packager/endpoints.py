"""Real-time endpoints of SageMaker: which instance serves an API, what they refuse, and how a new version takes over.

Every replica is a whole instance: SageMaker shares none between endpoints. So the cheapest type is chosen that holds the
request, with the headroom that system and agents take. Limits are those of CreateEndpointConfig and of UpdateEndpoint's
DeploymentConfig (SageMaker's API reference, and its pages on deployment guardrails).
"""

import math
from collections.abc import Iterator, Mapping

from packager.instances import FAMILIES, InstanceType, endpoint_types
from packager.manifest import Rollout, Strategy
from packager.objection import Objection
from packager.sizes import EndpointSize
from packager.spec import ApiSpec

CPU_FAMILIES = ("c5", "m5", "r5")
AMIS: Mapping[str, str] = {
    **dict.fromkeys(("g4dn", "g5", "g6", "p4d", "p4de", "p5"), "al2023-ami-sagemaker-inference-gpu-4-1"),
    "inf2": "al2-ami-sagemaker-inference-neuron-2",
}
"""Family -> InferenceAmiVersion. SageMaker's own choice for g4dn, g5 and p4 is NVIDIA's driver 470, which starts nothing newer
than CUDA 11.4; the GPU images here are of CUDA 12.9 and 13, for which this one has driver 580."""
UNGUARDED = ("inf1",)
"""Families on which SageMaker replaces instances all at once, without a look at alarms ("Exclusions" of the guardrails)."""

MOST_STEP_PERCENT = 50
LEAST_LINEAR_PERCENT = 10
MOST_WAIT_S = 3600
MOST_ROLLOUT_S = 28_800
STARTING_S = 2_700
"""Of which so much is for new instances to be found, and to load their models."""
LEAST_STEPPED_REPLICAS = 2
"""SageMaker measures steps in instances, and takes none of more than half of them: a lone instance has no steps."""


def endpoint_objections(api: ApiSpec, _image_bytes: int) -> Iterator[Objection]:
    """What keeps an API off SageMaker, or speaks against it."""
    named, (kind, count) = api.deploy.instance_type, api.compute.accelerators
    instance = _instance(api)
    if named and named not in endpoint_types():
        families = sorted({each.name.rpartition(".")[0] for each in endpoint_types().values()})
        yield Objection(f"{named} is none of the types that are known here, which are of {', '.join(families)}")
    elif instance is None:
        asked = f"cpu {api.compute.cpu:g} and mem {api.compute.mem_mib} MiB"
        asked = f"{kind} {count}, {asked}" if count else asked
        yield Objection(f"{named} does not hold {asked}" if named else f"no instance type holds {asked}")
    elif instance.family in UNGUARDED:
        yield Objection(
            f"it has no guardrails on {instance.family}: a deploy moves all requests at once, and no alarm undoes it",
            absolute=False,
        )


def endpoint_size(api: ApiSpec) -> EndpointSize:
    """The size of an API to which there is no absolute objection."""
    instance = _instance(api)
    assert instance is not None, "an API that SageMaker refused is not sized"
    return EndpointSize(instance_type=instance.name, ami=AMIS.get(instance.family), guarded=instance.family not in UNGUARDED)


def _instance(api: ApiSpec) -> InstanceType | None:
    kind, count = api.compute.accelerators
    families = FAMILIES[kind] if count else CPU_FAMILIES
    named = api.deploy.instance_type
    fitting = (
        each
        for each in endpoint_types().values()
        if (each.name == named if named else each.family in families)
        and each.holds_alone(kind, count, api.compute.cpu, api.compute.mem_mib)
    )
    return min(fitting, key=lambda each: (each.usd_per_hour, each.name), default=None)


def loses_its_steps(api: ApiSpec) -> bool:
    """Whether the steps that `deploy.rollout` asks for become one."""
    instance, rollout = _instance(api), api.deploy.rollout
    stepped = rollout is None or rollout.strategy != "all_at_once"
    unguarded = instance is not None and instance.family in UNGUARDED
    return unguarded or (stepped and api.autoscaling.min_replicas < LEAST_STEPPED_REPLICAS)


def endpoint_rollout(rollout: Rollout, replicas: int) -> Rollout:
    """The steps that an endpoint of at least `replicas` instances can take; alarms undo a deploy with or without them."""
    strategy = rollout.strategy if replicas >= LEAST_STEPPED_REPLICAS else "all_at_once"
    waits_s = math.ceil(rollout_s(strategy, rollout.percent, rollout.interval_s))
    return rollout._replace(strategy=strategy, timeout_s=min(MOST_ROLLOUT_S, waits_s + STARTING_S))


def rollout_s(strategy: Strategy, percent: int, interval_s: float) -> float:
    """How long the waits of a rollout take together, that after the last step included: alarms are watched then, too."""
    waits: Mapping[Strategy, int] = {"all_at_once": 1, "canary": 2, "linear": math.ceil(100 / percent)}
    return waits[strategy] * interval_s
