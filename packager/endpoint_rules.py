"""What must hold for `deploy.target: sagemaker`; see `rules`. Limits are SageMaker's, from its API reference."""

from collections.abc import Iterator, Sequence

from packager.endpoints import LEAST_LINEAR_PERCENT, MOST_ROLLOUT_S, MOST_STEP_PERCENT, MOST_WAIT_S, STARTING_S, rollout_s
from packager.fault import Fault
from packager.scaling import CANARY
from packager.secret_references import FEWER, references
from packager.spec import ApiSpec

PREFIX = "ml."
MOST_VARIABLE = 1024
"""Characters of a container's environment variable."""


def _on_sagemaker(api: ApiSpec) -> bool:
    return api.deploy.target == "sagemaker"


def an_instance_type_is_of_its_target(api: ApiSpec) -> Iterator[Fault]:
    """`ml.g5.xlarge` is SageMaker's, `g5.xlarge` EC2's."""
    named = api.deploy.instance_type
    if named is None or named.startswith(PREFIX) == _on_sagemaker(api):
        return
    if _on_sagemaker(api):
        message = f"{named} is EC2's; SageMaker's begin with {PREFIX}, so write {PREFIX}{named}"
    else:
        message = f"{named} is SageMaker's; write {named.removeprefix(PREFIX)}, or set deploy.target to sagemaker"
    yield Fault("deploy.instance_type", "deploy.instance_type_of_another_target", message, ("deploy.target",))


def an_endpoint_takes_no_tokens(api: ApiSpec) -> Iterator[Fault]:
    """InvokeEndpoint knows IAM identities only."""
    if _on_sagemaker(api) and api.deploy.auth.type == "jwt":
        message = "jwt is not known to SageMaker, whose callers sign as IAM identities; write iam, or use target: ecs"
        yield Fault("deploy.auth", "deploy.endpoint_auth", message, ("deploy.target",))


def an_endpoint_keeps_an_instance(api: ApiSpec) -> Iterator[Fault]:
    """No instance at all is for inference components, which an endpoint with a container of its own has not."""
    if _on_sagemaker(api) and api.autoscaling.min_replicas == 0:
        message = "0 replicas are not possible on SageMaker; use at least 1, or target: ecs, which a call wakes"
        yield Fault("autoscaling.min_replicas", "deploy.cannot_wake", message, ("deploy.target",))


def an_endpoint_is_x86(api: ApiSpec) -> Iterator[Fault]:
    """The instance types that are chosen from are x86_64."""
    if _on_sagemaker(api) and api.deploy.architecture != "x86_64":
        message = f"{api.deploy.architecture} is not offered on SageMaker; write x86_64, or use target: lambda or ecs"
        yield Fault("deploy.architecture", "deploy.endpoint_architecture", message, ("deploy.target",))


def an_endpoints_secrets_fit(api: ApiSpec) -> Iterator[Fault]:
    """Their references, never the values, reach the container in one variable."""
    size = len(references(api))
    if _on_sagemaker(api) and size > MOST_VARIABLE:
        message = f"the references take {size:,} characters, and SageMaker has room for {MOST_VARIABLE:,}; {FEWER}"
        yield Fault("deploy.secrets", "deploy.endpoint_secrets", message, ("deploy.target",))


def an_endpoints_rollout_is_within_its_limits(api: ApiSpec) -> Iterator[Fault]:
    """SageMaker's steps are at most half of the instances, its waits an hour, all of it eight hours."""
    rollout = api.deploy.rollout
    if not _on_sagemaker(api) or rollout is None:
        return
    code, needs = "deploy.endpoint_rollout", ("deploy.target", "deploy.rollout.strategy")
    percent = CANARY.percent if rollout.percent is None else rollout.percent
    interval = CANARY.interval_s if rollout.interval_s is None else rollout.interval_s
    if rollout.strategy != "all_at_once" and percent > MOST_STEP_PERCENT:
        message = f"{percent} is more than SageMaker moves in a step; use at most {MOST_STEP_PERCENT}"
        yield Fault("deploy.rollout.percent", code, message, needs)
    elif rollout.strategy == "linear" and percent < LEAST_LINEAR_PERCENT:
        message = f"{percent} is less than SageMaker moves in a linear step; use {LEAST_LINEAR_PERCENT} to {MOST_STEP_PERCENT}"
        yield Fault("deploy.rollout.percent", code, message, needs)
    elif interval > MOST_WAIT_S:
        message = f"{interval:g} s is longer than SageMaker waits between steps; use at most {MOST_WAIT_S} s"
        yield Fault("deploy.rollout.interval", code, message, needs)
    elif rollout_s(rollout.strategy, percent, interval) + STARTING_S > MOST_ROLLOUT_S:
        least = (MOST_ROLLOUT_S - STARTING_S) // rollout_s(rollout.strategy, percent, 1)
        message = f"steps of {percent} % every {interval:g} s take longer than SageMaker allows; use at most {least:g} s"
        yield Fault("deploy.rollout.interval", code, message, (*needs, "deploy.rollout.percent"))


ENDPOINT_RULES = (
    an_instance_type_is_of_its_target,
    an_endpoint_takes_no_tokens,
    an_endpoint_keeps_an_instance,
    an_endpoint_is_x86,
    an_endpoints_secrets_fit,
    an_endpoints_rollout_is_within_its_limits,
)


def splitters_split_behind_the_gateway(apis: Sequence[ApiSpec]) -> Iterator[tuple[ApiSpec, Fault]]:
    """A splitter's load balancer reaches functions and services, not endpoints."""
    endpoints = {api.name for api in apis if _on_sagemaker(api)}
    for api in apis:
        for number, split in enumerate(api.splits):
            if split.name in endpoints:
                at = f"apis[{number}].name"
                message = (
                    f'"{split.name}" runs on SageMaker, where no splitter reaches it; give it target: ecs, or remove it here'
                )
                yield api, Fault(at, "deploy.split_endpoint", message, (at,))
