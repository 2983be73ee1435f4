"""Files that are whole and have yet to settle: which models are worth a second look between two scans, and when."""

from collections.abc import Container

from runtime_handler.models.catalog import KnownModel

LOOKS = 16
"""Models that are looked at again between two scans; what settles beyond them is left to the next scan."""


class Settling:
    """When the first version of each model may have settled. For one thread at a time."""

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._times: dict[str, float] = {}
        self._looks = LOOKS

    def note(self, name: str, model: KnownModel | None) -> None:
        """A model as it is known from now on; None: it is gone."""
        versions = model.versions.values() if model is not None else ()
        waiting = [each.since for each in versions if each.problem is None and not each.steady and not each.missing]
        self._times.pop(name, None)
        if waiting:
            self._times[name] = min(waiting) + self._settle_s

    def first(self, *, besides: Container[str] = ()) -> float | None:
        """When the first of them may have settled, models `besides` not counted; None: nothing is waiting."""
        return min((time for name, time in self._times.items() if name not in besides), default=None)

    def due(self, now: float) -> list[str]:
        """The models to look at now, the longest due first; they are not named again before something is noted of them."""
        due = sorted((time, name) for name, time in self._times.items() if time <= now)
        for _, name in due:
            del self._times[name]
        chosen = [name for _, name in due[: self._looks]]
        self._looks -= len(chosen)
        return chosen

    def scanned(self) -> None:
        """A scan saw all models: as many may be looked at again until the next."""
        self._looks = LOOKS
