"""The models as the predictor's constructor sees them: opened by whoever comes first, the constructor or the start.

A PythonPredictor's `load_model` may use what its `__init__` has set, so the first loads come after the constructor; a
constructor that asks for a model itself gets it, as in Cortex, by loading there and then.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from runtime_handler.errors import ServeError
from runtime_handler.models import turns
from runtime_handler.models.model import CacheStatus, Model, Models, ModelStatus

Describe = Callable[[Any], Mapping[str, Any]]
"""What a predictor type's loader returned -> what `model_metadata` says of it."""


class LazyModels:
    """`start` runs once, before the first `get`; afterwards `get` is the manager's own method."""

    def __init__(self, models: Models, start: Callable[[], None], describe: Describe | None = None) -> None:
        """`describe` tells what `model_metadata` has of a loaded version beside its time; None: Cortex's plain form."""
        self._models = models
        self._start = start
        self._describe = describe
        self._started = False
        self._lock = threading.RLock()

    def start(self) -> None:
        """Scan and load, unless that was done. Raises StartError; then the next call tries again."""
        with self._lock:
            if not self._started:
                self._start()
                self._started = True
                self.get = self._models.get  # type: ignore[method-assign]  # nothing in between from here on

    def get(self, name: str | None = None, version: str | int | None = "latest") -> Model:
        """See `Models.get`."""
        if not turns.inside():  # a loader that wants another model is part of the start
            self.start()
        return self._models.get(name, version)

    def status(self) -> Sequence[ModelStatus]:
        """See `Models.status`."""
        return self._models.status()

    def cache(self) -> CacheStatus:
        """See `Models.cache`."""
        return self._models.cache()

    def metadata(self) -> Mapping[str, Any]:
        """See `Models.metadata`; with `describe`, `<name>-<version>` -> its description and the `timestamp`."""
        plain = self._models.metadata()
        if self._describe is None:
            return plain
        loaded = {(status.name, str(status.version)) for status in self.status() if status.memory}
        described = {}
        for name, entry in plain.items():
            for version, timestamp in zip(entry["versions"], entry["timestamps"], strict=True):
                if (name, version) in loaded:
                    with suppress(ServeError):  # a refresh took it meanwhile
                        value = self._models.get(name, version).value
                        described[f"{name}-{version}"] = {**self._describe(value), "timestamp": timestamp}
        return described
