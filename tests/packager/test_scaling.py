"""Cortex's autoscaling and update strategy in ECS's terms."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packager import spec
from packager.manifest import Rollout
from packager.scaling import rollout
from packager.spec import UpdateStrategy
from packager.units import Portion


def share(amount: int) -> Portion:
    return Portion(amount, percent=True)


def number(amount: int) -> Portion:
    return Portion(amount, percent=False)


PORTIONS = st.builds(Portion, st.integers(0, 100), st.booleans())
STRATEGIES = st.builds(UpdateStrategy, PORTIONS, PORTIONS).filter(
    lambda update: update.max_surge.amount or update.max_unavailable.amount
)


def ecs_bounds(made: Rollout, wanted: int) -> tuple[int, int]:
    """How many tasks ECS keeps, and how many it runs at most: the one rounded up, the other down."""
    return -(-wanted * made.min_healthy_percent // 100), wanted * made.max_healthy_percent // 100


@pytest.mark.parametrize(
    ("surge", "unavailable", "replicas", "bounds"),
    [
        (share(25), share(25), 1, (75, 200)),
        (share(25), share(25), 2, (75, 150)),
        (share(25), share(25), 3, (75, 134)),
        (share(25), share(25), 4, (75, 125)),
        (share(25), share(25), 5, (75, 140)),
        (share(1), share(0), 1, (100, 200)),
        (share(0), share(25), 1, (0, 100)),
        (share(0), share(25), 3, (66, 100)),
        (share(0), share(100), 3, (0, 100)),
        (number(0), number(1), 1, (0, 100)),
        (number(0), number(1), 3, (66, 100)),
        (number(0), number(1), 250, (99, 100)),
        (number(1), number(0), 3, (100, 134)),
        (number(1), number(1), 3, (66, 134)),
        (number(1), number(1), 250, (100, 101)),
        (number(5), number(5), 0, (0, 600)),
    ],
)
def test_update_strategy_becomes_healthy_percents(
    surge: Portion, unavailable: Portion, replicas: int, bounds: tuple[int, int]
) -> None:
    """As many tasks as in Cortex may be too many and missing, at the smallest number of replicas."""
    made = rollout(UpdateStrategy(max_surge=surge, max_unavailable=unavailable), replicas)
    assert (made.min_healthy_percent, made.max_healthy_percent) == bounds


@given(update=STRATEGIES, least=st.integers(0, 120), more=st.integers(0, 200))
@example(update=UpdateStrategy(), least=1, more=0)
@example(update=UpdateStrategy(max_surge=number(0), max_unavailable=number(1)), least=3, more=0)
def test_an_update_makes_progress_at_every_number_of_replicas(update: UpdateStrategy, least: int, more: int) -> None:
    """Wherever the autoscaler is between the bounds when a deploy comes, ECS may start a task or stop one."""
    wanted = max(least, 1) + more
    kept, most = ecs_bounds(rollout(update, least), wanted)
    assert kept < wanted or most > wanted


@given(update=STRATEGIES, replicas=st.integers(1, 100))
def test_ecs_replaces_as_many_as_cortex_would(update: UpdateStrategy, replicas: int) -> None:
    """At the smallest number of replicas, exactly: Kubernetes rounds surge up, and down what may be missing; not both to none."""
    wanted_surge, wanted_unavailable = update
    surge = -(-replicas * wanted_surge.amount // 100) if wanted_surge.percent else wanted_surge.amount
    unavailable = replicas * wanted_unavailable.amount // 100 if wanted_unavailable.percent else wanted_unavailable.amount
    if surge == unavailable == 0:
        unavailable = 1
    assert ecs_bounds(rollout(update, replicas), replicas) == (max(0, replicas - unavailable), replicas + surge)


@given(amount=st.integers(0, 100), replicas=st.integers(1, 300))
def test_a_percentage_of_unavailable_replicas_is_cortexs_at_every_number(amount: int, replicas: int) -> None:
    """ECS rounds what it keeps up, as Kubernetes rounds what may be missing down."""
    kept, _ = ecs_bounds(rollout(UpdateStrategy(max_unavailable=share(amount)), 1), replicas)
    assert kept == replicas - replicas * amount // 100


def test_deploy_rollout_chooses_the_steps(tmp_path: object) -> None:
    """What the user leaves out keeps its default."""
    made = rollout(UpdateStrategy(), 1, spec.Rollout(strategy="linear", interval_s=90.5))
    assert (made.strategy, made.percent, made.interval_s) == ("linear", 10, 91)
