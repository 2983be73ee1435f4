"""Cortex's autoscaling and update strategy in ECS's terms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager import spec
from packager.scaling import rollout
from packager.spec import UpdateStrategy
from packager.units import Portion


@pytest.mark.parametrize(
    ("surge", "unavailable", "replicas", "bounds"),
    [
        (Portion(25, percent=True), Portion(25, percent=True), 1, (75, 125)),
        (Portion(0, percent=False), Portion(1, percent=False), 1, (0, 100)),
        (Portion(1, percent=False), Portion(0, percent=False), 3, (100, 134)),
        (Portion(1, percent=False), Portion(1, percent=False), 3, (67, 134)),
        (Portion(5, percent=False), Portion(5, percent=False), 0, (0, 600)),
    ],
)
def test_update_strategy_becomes_healthy_percents(
    surge: Portion, unavailable: Portion, replicas: int, bounds: tuple[int, int]
) -> None:
    """Percentages carry over; numbers of tasks are related to the wanted number."""
    made = rollout(UpdateStrategy(max_surge=surge, max_unavailable=unavailable), replicas)
    assert (made.min_healthy_percent, made.max_healthy_percent) == bounds


@given(surge=st.integers(0, 50), unavailable=st.integers(0, 50), replicas=st.integers(1, 50))
def test_ecs_never_replaces_more_nor_starts_fewer_than_cortex_would(surge: int, unavailable: int, replicas: int) -> None:
    """ECS rounds the lower bound up and the upper bound down (Amazon ECS, deployment configuration)."""
    made = rollout(
        UpdateStrategy(max_surge=Portion(surge, percent=False), max_unavailable=Portion(unavailable, percent=False)), replicas
    )
    kept = -(-replicas * made.min_healthy_percent // 100)
    most = replicas * made.max_healthy_percent // 100
    assert kept >= replicas - unavailable
    assert most >= replicas + surge


def test_deploy_rollout_chooses_the_steps(tmp_path: object) -> None:
    """What the user leaves out keeps its default."""
    made = rollout(UpdateStrategy(), 1, spec.Rollout(strategy="linear", interval_s=90.5))
    assert (made.strategy, made.percent, made.interval_s) == ("linear", 10, 91)
