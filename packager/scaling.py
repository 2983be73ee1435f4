"""Cortex's autoscaling and update strategy in ECS's terms: pure arithmetic."""

import math
from collections.abc import Callable

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
    """Minimum and maximum healthy percent of `replicas` wanted tasks, and the steps that `deploy.rollout` chooses.

    Numbers of tasks become percentages rounded so that ECS never replaces more, nor starts fewer, than Cortex would.
    """
    replicas = max(replicas, 1)
    bounds = Rollout(
        min_healthy_percent=max(0, 100 - _percent(update.max_unavailable, replicas, math.floor)),
        max_healthy_percent=100 + _percent(update.max_surge, replicas, math.ceil),
    )
    if chosen is None:
        return bounds
    return bounds._replace(
        strategy=chosen.strategy,
        percent=bounds.percent if chosen.percent is None else chosen.percent,
        interval_s=bounds.interval_s if chosen.interval_s is None else math.ceil(chosen.interval_s),
    )


def _percent(portion: Portion, replicas: int, rounded: Callable[[float], int]) -> int:
    return portion.amount if portion.percent else rounded(100 * portion.amount / replicas)
