"""Models that were replaced or deleted while a request uses them: they count until it ends. For one thread at a time."""

import math
from collections.abc import Callable, Iterator

from runtime_handler.models import lease
from runtime_handler.models.model import ModelId
from runtime_handler.models.resident import Resident


class Leaving:
    """Former entries of the memory tier's table. No method holds one any more when it returns, but what it returns."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._residents: list[Resident] = []

    def add(self, resident: Resident) -> None:
        """Take in what is not in the table any more."""
        resident.left = self._clock()
        self._residents.append(resident)

    def ended(self) -> list[Resident]:
        """Those that no request holds any more, taken out."""
        if not self._residents:
            return []
        held = lease.held()
        ended = [resident for resident in self._residents if resident.model not in held]
        self._residents = [resident for resident in self._residents if resident.model in held]
        return ended

    def overdue(self, seconds: float) -> list[ModelId]:
        """Those that were replaced or deleted that long ago; each is told once."""
        before = self._clock() - seconds
        found = [resident for resident in self._residents if resident.left <= before]
        for resident in found:
            resident.left = math.inf
        return [resident.model.id for resident in found]

    def holds(self, key: ModelId, fingerprint: str) -> bool:
        """Whether one of these files is among them."""
        return any(each.model.id == key and each.model.fingerprint == fingerprint for each in self._residents)

    def __iter__(self) -> Iterator[Resident]:
        return iter(self._residents)

    def __len__(self) -> int:
        return len(self._residents)
