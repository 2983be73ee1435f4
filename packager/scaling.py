"""Cortex's autoscaling and update strategy in ECS's terms: pure arithmetic."""

import math

from packager import spec
from packager.manifest import Rollout, Scaling
from packager.spec import Autoscaling, UpdateStrategy
from packager.units import Portion

CANARY = Rollout(min_healthy_percent=100, max_healthy_percent=100)
"""The steps unless `deploy.rollout` says otherwise."""


def scaling(autoscaling: Autoscaling) -> Scaling:
    """Target tracking has one target and two cooldowns; factors and tolerances have no counterpart."""
    return Scaling(
        min_replicas=autoscaling.min_replicas,
        max_replicas=autoscaling.max_replicas,
        init_replicas=autoscaling.init_replicas,
        target_concurrency=autoscaling.target_replica_concurrency,
        scale_out_cooldown_s=math.ceil(autoscaling.upscale_stabilization_s),
        scale_in_cooldown_s=math.ceil(autoscaling.downscale_stabilization_s),
    )


def rollout(update: UpdateStrategy, replicas: int, chosen: spec.Rollout | None = None) -> Rollout:
    """Minimum and maximum healthy percent of a service of at least `replicas` tasks, and the steps of `deploy.rollout`.

    Kubernetes, on which Cortex ran, rounds a percentage of `max_surge` up to whole replicas and one of `max_unavailable`
    down, and lets one be missing where both come to none. ECS rounds its minimum up and its maximum down (DeploymentConfiguration
    in its API reference): at one task, 75 and 125 per cent are one and one, and nothing may start or stop. So the bounds are
    chosen by the smallest number of replicas, where a task is the most per cent, and let ECS go on at every larger one.
    """
    replicas = max(replicas, 1)
    surge = _surge_percent(update.max_surge, replicas)
    unavailable = _unavailable_percent(update.max_unavailable, replicas)
    if surge == 0:
        unavailable = max(unavailable, _percent(1, replicas))
    bounds = Rollout(min_healthy_percent=max(0, 100 - unavailable), max_healthy_percent=100 + surge)
    if chosen is None:
        return bounds
    return bounds._replace(
        strategy=chosen.strategy,
        percent=bounds.percent if chosen.percent is None else chosen.percent,
        interval_s=bounds.interval_s if chosen.interval_s is None else math.ceil(chosen.interval_s),
    )


def _surge_percent(surge: Portion, replicas: int) -> int:
    """The least that ECS rounds down to as many tasks as Kubernetes would add."""
    return _percent(-(-surge.amount * replicas // 100) if surge.percent else surge.amount, replicas)


def _unavailable_percent(unavailable: Portion, replicas: int) -> int:
    """The least that keeps back as many tasks as Kubernetes would; a percentage is rounded alike by both."""
    if unavailable.percent:
        return unavailable.amount
    percent = _percent(unavailable.amount, replicas)
    return percent if replicas * percent // 100 <= unavailable.amount else percent - 1  # beyond 100, a task is less than 1 %


def _percent(tasks: int, replicas: int) -> int:
    return -(-100 * tasks // replicas)
