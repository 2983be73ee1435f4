"""Cortex's autoscaling and update strategy in ECS's terms: pure arithmetic."""

import math

from packager.manifest import Rollout, Scaling
from packager.spec import Autoscaling, UpdateStrategy
from packager.units import Portion


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


def rollout(update: UpdateStrategy, replicas: int) -> Rollout:
    """Minimum and maximum healthy percent of `replicas` wanted tasks.

    Numbers of tasks become percentages rounded so that ECS never keeps fewer, nor starts fewer, than Cortex would.
    """
    replicas = max(replicas, 1)
    return Rollout(
        min_healthy_percent=max(0, 100 - _percent(update.max_unavailable, replicas)),
        max_healthy_percent=100 + _percent(update.max_surge, replicas),
    )


def _percent(portion: Portion, replicas: int) -> int:
    return portion.amount if portion.percent else math.ceil(100 * portion.amount / replicas)
