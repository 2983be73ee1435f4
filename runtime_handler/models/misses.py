"""Requests for a model that is not in memory: the load that they wait for, or why they cannot have it."""

import time
from collections.abc import Callable, Mapping

from runtime_handler.errors import ModelFailed, NoCapacity, ServeError
from runtime_handler.models import lease, turns
from runtime_handler.models.catalog import KnownModel, Version
from runtime_handler.models.loads import Load
from runtime_handler.models.model import Model, ModelId
from runtime_handler.models.order import Order
from runtime_handler.models.refusals import absent, loading, unavailable, unknown
from runtime_handler.models.shelf import Shelf

LOAD_WAIT_S = 25.0
"""How long a request waits for a model that is being loaded for it: less than API Gateway waits for us."""

CAPACITY_WAIT_S = 10.0
"""How long a load waits for models in use to be let go of."""


class Misses:
    """Answers them from a shelf."""

    def __init__(self, shelf: Shelf, count: Callable[[], None], configured: Mapping[str, str], now: Callable[[], float]) -> None:
        """`count` hears of each, `configured` are the paths of the models that have a name in the spec."""
        self._shelf, self._count, self._configured, self._now = shelf, count, configured, now

    def get(self, name: str, number: int | None) -> Model:
        """The model, loaded. Raises what `Models.get` does."""
        request, loads = lease.current(), self._shelf.loads
        deadline = time.monotonic() + LOAD_WAIT_S
        known, version = self._wanted(name, number)
        self._count()  # only what exists can be missed
        while True:
            if (model := self._shelf.memory.take(version.id)) is not None:
                return model
            load = self._load(known, version, request)
            if not loads.wait(load, max(0.0, deadline - time.monotonic())):
                loads.give_up(load, request)
                raise loading(version)
            if request is not None and (given := request.given(version.id, load.order.files.fingerprint)) is not None:
                return given
            if load.error is not None and not self._another(version, number, load):
                raise load.error
            known, version = self._wanted(name, number)  # a model that was evicted at once is loaded again

    def _wanted(self, name: str, number: int | None) -> tuple[KnownModel, Version]:
        while True:
            known = self._shelf.catalog.get(name)
            if known is None:
                raise unknown(name, self._shelf.catalog, listed_at=self._configured.get(name))
            key = self._latest(name) if number is None else ModelId(name, number)
            version = known.versions.get(key.version) if key is not None else None
            if version is not None:
                return known, version
            if self._shelf.catalog.get(name) is known:  # otherwise a refresh came between
                raise absent(known, number) or self._unavailable(known.versions[max(known.versions)])

    def _latest(self, name: str) -> ModelId | None:
        key = self._shelf.choose(name)
        return self._shelf.loadable(name) if key is None and turns.inside() else key

    def _load(self, known: KnownModel, version: Version, request: lease.Lease | None) -> Load:
        files = self._shelf.files(version)
        nested = turns.inside()  # a loader asks for a model that its own builds on, whoever else may wait for that
        if files is None or not (self._shelf.on_demand or nested):
            raise self._unavailable(version)
        order = Order(key=version.id, files=files, listed=known.listed, wait_s=CAPACITY_WAIT_S)
        return self._shelf.loads.start(order, request, here=nested)

    def _another(self, version: Version, number: int | None, load: Load) -> bool:
        """Whether another load may give what a request asked for, after one that failed."""
        if isinstance(load.error, NoCapacity) and load.order.wait_s < CAPACITY_WAIT_S:
            return True  # begun for no request, it did not wait for room
        if not isinstance(load.error, ModelFailed | NoCapacity):
            return False
        if (files := self._shelf.files(version)) is not None:
            return files.fingerprint != load.order.files.fingerprint
        return number is None and self._latest(version.id.name) is not None

    def _unavailable(self, version: Version) -> ServeError:
        return unavailable(version, self._shelf.failure(version), self._now())
