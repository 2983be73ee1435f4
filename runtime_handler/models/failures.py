"""Loads that failed: remembered by the files that failed, tried again ever more rarely, forgotten when the files change."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from runtime_handler.errors import ModelFailed
from runtime_handler.models.model import ModelId, title

FIRST_S = 10.0
LONGEST_S = 600.0
STORE_LONGEST_S = 10.0
"""A store that does not answer is asked again soon: it says nothing about the model."""


class Failure(NamedTuple):
    """`times` failures in succession of the same files, the last with `error`; they are not tried again before `retry_at`.

    `error` is for who runs the API; `told` is what callers hear, and never differs between two failures alike.
    `store` says that the files could not be fetched, rather than loaded.
    """

    times: int
    error: str
    told: str
    retry_at: float
    store: bool = False


class Failures:
    """Of versions by their files: what was good once may fail beside what is to take its place."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._of: dict[ModelId, dict[str, Failure]] = {}

    def add(self, key: ModelId, fingerprint: str, error: str, *, told: str, store: bool) -> Failure:
        """One more failure of these files."""
        of = self._of.get(key, {})
        times = of[fingerprint].times + 1 if fingerprint in of else 1
        first, longest = (1.0, STORE_LONGEST_S) if store else (FIRST_S, LONGEST_S)
        retry_at = self._clock() + min(first * 2 ** min(times - 1, 16), longest)
        failure = Failure(times=times, error=error, told=told, retry_at=retry_at, store=store)
        self._of[key] = {**of, fingerprint: failure}
        return failure

    def of(self, key: ModelId, fingerprint: str) -> Failure | None:
        """The last failure of these files, which were not loaded since."""
        return self._of.get(key, {}).get(fingerprint)

    def backing_off(self, key: ModelId, fingerprint: str) -> bool:
        """Whether these files failed and are not to be tried again yet."""
        failure = self.of(key, fingerprint)
        return failure is not None and failure.retry_at > self._clock()

    def keep(self, key: ModelId, fingerprints: Collection[str]) -> None:
        """Forget those of a version's other files."""
        kept = {fingerprint: failure for fingerprint, failure in self._of.get(key, {}).items() if fingerprint in fingerprints}
        if kept:
            self._of[key] = kept
        else:
            self._of.pop(key, None)

    def loaded(self, key: ModelId, fingerprint: str) -> None:
        """Forget those of files that were loaded after all."""
        self.keep(key, self._of.get(key, {}).keys() - {fingerprint})

    def all(self) -> list[tuple[ModelId, Failure]]:
        """Every failure that is remembered."""
        return [(key, failure) for key, of in tuple(self._of.items()) for failure in of.values()]


def as_error(key: ModelId, failure: Failure, now: float) -> ModelFailed:
    """What a request for a failed version is told."""
    return ModelFailed(
        f"{title(key.name)} version {key.version} cannot be loaded: {failure.told}",
        retry_after=max(1.0, failure.retry_at - now),
        model=key.name,
        version=str(key.version),
    )
