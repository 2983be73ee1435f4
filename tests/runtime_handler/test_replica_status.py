"""What several processes say of themselves, as one status."""

import itertools
import json
import random
from typing import Any

import pytest

from runtime_handler.models.model import ModelStatus, State, TierStatus
from runtime_handler.replica_status import CACHE, VERSION, merged


def a_version(number: int = 1, **changes: Any) -> dict[str, Any]:
    plain = ModelStatus(name="m", version=number, state="ready", memory=True, disk=True, bytes=10)
    return plain._replace(**changes)._asdict()


def a_status(process: int, *models: dict[str, Any], ready: bool = True, memory: int = 0, disk: int = 0) -> dict[str, Any]:
    return {
        "api": "iris",
        "ready": ready,
        "process": process,
        "processes": 3,
        "models": list(models),
        "cache": {
            "memory": TierStatus(used=len(models), limit=None, bytes=memory)._asdict(),
            "disk": TierStatus(used=len(models), limit=None, bytes=disk)._asdict(),
        },
    }


def test_every_field_has_its_row() -> None:
    """A field that is added to a status is not lost where there are several processes."""
    assert tuple(VERSION) == ModelStatus._fields
    assert [tuple(merges) for merges in CACHE.values()] == [TierStatus._fields] * 2


def test_alone_a_process_says_what_it_says() -> None:
    """With nobody else to hear, the status is its own, and one has answered."""
    own = a_status(7, a_version(1, last_access=5.5, load_ms=2.0), a_version(2, state="failed", error="no", next_retry=9.0))
    assert merged(own, []) == {**own, "answered": 1}


@pytest.mark.parametrize(
    ("field", "values", "one"),
    [
        ("memory", [False, True, False], True),
        ("memory", [False, False, False], False),
        ("disk", [True, False, False], True),
        ("bytes", [10, 12, 11], 12),
        ("last_access", [None, None, None], None),
        ("last_access", [3.0, None, 4.0], 4.0),
        ("error", [None, "one", "other"], "one"),
        ("next_retry", [8.0, None, 7.0], 7.0),
        ("load_ms", [1.5, 2.5, None], 2.5),
    ],
)
def test_a_field_is_the_one_of_the_process_that_has_most_to_tell(field: str, values: list[Any], one: Any) -> None:
    """Whether any holds it, its largest size, latest use, first error, earliest retry and slowest load."""
    own, *others = (a_status(process, a_version(**{field: value})) for process, value in enumerate(values))
    [version] = merged(own, others)["models"]
    assert version == a_version(**{field: one})


@pytest.mark.parametrize(
    ("states", "worst"),
    [
        (("ready", "loading"), "loading"),
        (("loading", "settling"), "settling"),
        (("settling", "failed"), "failed"),
        (("ready", "failed"), "failed"),
        (("ready", "ready"), "ready"),
    ],
)
def test_a_state_is_the_worst(states: tuple[State, State], worst: State) -> None:
    """A version is ready when it is so in every process, and its error is first that of one that failed."""
    for one, other in (states, states[::-1]):
        own = a_status(1, a_version(state=one, error=f"{one} one"))
        [version] = merged(own, [a_status(2, a_version(state=other, error=f"{other} one"))])["models"]
        assert (version["state"], version["error"]) == (worst, f"{worst} one")


def test_versions_that_some_do_not_know_yet_are_among_the_others() -> None:
    """All that any knows, by name and by number."""
    own, other = a_status(1, a_version(10), a_version(-1)), a_status(2, a_version(9), a_version(10), a_version(2, name="a"))
    told = [(version["name"], version["version"]) for version in merged(own, [other])["models"]]
    assert told == [("a", 2), ("m", -1), ("m", 9), ("m", 10)]


def test_memory_adds_up_and_the_disk_is_shared() -> None:
    """Each process holds models of its own in memory; the files on disk are those of all."""
    first, second = a_status(1, a_version(1), memory=13, disk=10), a_status(2, a_version(1), a_version(2), memory=26, disk=20)
    for tier in (first["cache"]["memory"], second["cache"]["memory"]):
        tier |= {"limit": 4, "budget": 100}
    for tier in (first["cache"]["disk"], second["cache"]["disk"]):
        tier |= {"limit": 5, "budget": 50}
    assert merged(first, [second])["cache"] == {
        "memory": {"used": 3, "limit": 8, "bytes": 39, "budget": 200},
        "disk": {"used": 2, "limit": 5, "bytes": 20, "budget": 50},
    }


def test_it_is_ready_when_one_is() -> None:
    """New connections go to those that are ready."""
    assert merged(a_status(1, ready=False), [a_status(2)])["ready"]
    assert not merged(a_status(1, ready=False), [a_status(2, ready=False)])["ready"]


def test_who_starts_has_not_answered() -> None:
    """Be it asked or asking."""
    starts, serves = a_status(1, ready=False), a_status(2)
    assert [merged(starts, [serves])["answered"], merged(serves, [starts])["answered"], merged(starts, [])["answered"]] == [
        1,
        1,
        0,
    ]


def test_whoever_tells_it_tells_the_same() -> None:
    """In whatever order the answers come, and after a way as JSON, two processes differ in nothing but who they are."""
    chance = random.Random(1)
    statuses = [
        a_status(
            process,
            *(
                a_version(
                    number,
                    state=chance.choice(["ready", "failed"]),
                    error=chance.choice([None, f"{process}"]),
                    last_access=chance.choice([None, chance.random()]),
                )
                for number in range(20)
                if chance.random() < 0.8
            ),
        )
        for process in range(1, 4)
    ]
    told = []
    for own, *others in itertools.permutations(statuses):
        one = merged(own, json.loads(json.dumps(others)))
        assert (one.pop("process"), one["answered"]) == (own["process"], 3)
        told.append(one)
    assert all(one == told[0] for one in told)
