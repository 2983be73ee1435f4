"""Loads that failed: remembered by the files that failed, tried again ever more rarely, forgotten when the files change."""

from typing import NamedTuple

from runtime_handler.errors import ModelFailed
from runtime_handler.models.model import ModelId, title

FIRST_S = 10.0
LONGEST_S = 600.0
STORE_LONGEST_S = 10.0
"""A store that does not answer is asked again soon: it says nothing about the model."""


class Failure(NamedTuple):
    """`times` failures in succession of the files with this fingerprint, the last with `error`; not before `retry_at`.

    `error` is for who runs the API; `told` is what callers hear, and never differs between two failures alike.
    `store` says that the files could not be fetched, rather than loaded.
    """

    fingerprint: str
    times: int
    error: str
    told: str
    retry_at: float
    store: bool = False


def next_failure(before: Failure | None, fingerprint: str, error: str, *, told: str, store: bool, now: float) -> Failure:
    """The failure after one more."""
    times = before.times + 1 if before is not None and before.fingerprint == fingerprint else 1
    first, longest = (1.0, STORE_LONGEST_S) if store else (FIRST_S, LONGEST_S)
    delay = min(first * 2 ** min(times - 1, 16), longest)
    return Failure(fingerprint=fingerprint, times=times, error=error, told=told, retry_at=now + delay, store=store)


def as_error(key: ModelId, failure: Failure, now: float) -> ModelFailed:
    """What a request for a failed version is told."""
    return ModelFailed(
        f"{title(key.name)} version {key.version} cannot be loaded: {failure.told}",
        retry_after=max(1.0, failure.retry_at - now),
        model=key.name,
        version=str(key.version),
    )
