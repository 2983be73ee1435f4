"""The models as the predictor's constructor sees them: opened by whoever comes first, the constructor or the start.

A PythonPredictor's `load_model` may use what its `__init__` has set, so the first loads come after the constructor; a
constructor that asks for a model itself gets it, as in Cortex, by loading there and then.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from runtime_handler.models.model import CacheStatus, Model, Models, ModelStatus


class LazyModels:
    """`start` runs once, before the first `get`; afterwards `get` is the manager's own method."""

    def __init__(self, models: Models, start: Callable[[], None]) -> None:
        self._models = models
        self._start = start
        self._started = False
        self._lock = threading.RLock()

    def start(self) -> None:
        """Scan and load, unless that was done."""
        with self._lock:
            if not self._started:
                self._started = True
                self._start()
                self.get = self._models.get  # type: ignore[method-assign]  # nothing in between from here on

    def get(self, name: str | None = None, version: str | int | None = "latest") -> Model:
        """See `Models.get`."""
        self.start()
        return self._models.get(name, version)

    def status(self) -> Sequence[ModelStatus]:
        """See `Models.status`."""
        return self._models.status()

    def cache(self) -> CacheStatus:
        """See `Models.cache`."""
        return self._models.cache()

    def metadata(self) -> Mapping[str, Any]:
        """See `Models.metadata`."""
        return self._models.metadata()
