"""When versions were last used that are not in memory any more: it orders who leaves the disk, and status tells it."""

from runtime_handler.models.model import ModelId
from runtime_handler.models.recency import next_use
from runtime_handler.models.resident import Resident


class Past:
    """Former uses by version: their order, -1 for none, and Unix seconds, None for a model that was only loaded."""

    def __init__(self) -> None:
        self._uses: dict[ModelId, tuple[int, float | None]] = {}

    def note(self, resident: Resident) -> None:
        """A model leaves memory."""
        self._uses[resident.model.id] = resident.touched, resident.last_access

    def remember(self, key: ModelId, used: float) -> None:
        """A version that is not in memory was used then, after all that were remembered before it."""
        self._uses[key] = next_use(), used

    def of(self, key: ModelId) -> tuple[int, float | None]:
        """The last use of a version."""
        return self._uses.get(key, (-1, None))

    def forget(self, key: ModelId) -> None:
        """Drop what is remembered of a version that is gone."""
        self._uses.pop(key, None)
