"""`/-/status` of a replica with several processes: what each of them says of itself, as one. Pure functions over plain data."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from runtime_handler.models.model import State

Status = Mapping[str, Any]
"""What `status_of` gives, or JSON that was made of it."""
Merge = Callable[[Sequence[Any]], Any]

WORST_FIRST: Sequence[State] = ("failed", "settling", "loading", "ready")


def first(values: Sequence[Any]) -> Any:
    """Of the process in the worst state."""
    return values[0]


def known(merge: Merge) -> Merge:
    """`merge` of the values that are not None; None when there are none."""

    def of_known(values: Sequence[Any]) -> Any:
        told = [value for value in values if value is not None]
        return merge(told) if told else None

    return of_known


VERSION: Mapping[str, Merge] = {
    "name": first,
    "version": first,
    "state": first,
    "memory": any,
    "disk": any,
    "bytes": max,
    "last_access": known(max),
    "error": known(first),
    "next_retry": known(min),
    "load_ms": known(max),
}
"""How the fields of `ModelStatus` become one; values come in the order of WORST_FIRST."""

CACHE: Mapping[str, Mapping[str, Merge]] = {
    "memory": {"used": sum, "limit": known(sum), "bytes": sum, "budget": known(sum)},  # each process has its own
    "disk": {"used": max, "limit": known(max), "bytes": max, "budget": known(max)},  # all have the same one
}
"""How the fields of `TierStatus` become one."""


def merged(own: Status, others: Sequence[Status]) -> dict[str, Any]:
    """The status of a replica, told by a process whose own is `own`: the same whoever of them tells it, but for `process`.

    `answered` counts those that are ready: the others have nothing to tell yet.
    """
    statuses = sorted((own, *others), key=lambda status: int(status["process"]))
    versions: dict[tuple[str, int], list[Status]] = {}
    for status in statuses:
        for each in status["models"]:
            versions.setdefault((each["name"], each["version"]), []).append(each)
    return {
        **own,
        "ready": any(status["ready"] for status in statuses),
        "answered": sum(status["ready"] for status in statuses),
        "models": [_one(VERSION, sorted(told, key=_badness)) for _, told in sorted(versions.items())],
        "cache": {tier: _one(merges, [status["cache"][tier] for status in statuses]) for tier, merges in CACHE.items()},
    }


def _badness(version: Status) -> int:
    return WORST_FIRST.index(version["state"])


def _one(merges: Mapping[str, Merge], told: Sequence[Status]) -> dict[str, Any]:
    return {field: merge([each[field] for each in told]) for field, merge in merges.items()}
