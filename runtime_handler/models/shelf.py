"""What the manager knows and holds at this moment: the catalog, the loaded models, the disk, and what "latest" means."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from runtime_handler.models.catalog import Catalog, Files, KnownModel, Version
from runtime_handler.models.choice import Candidate, latest, worth_loading
from runtime_handler.models.disk import DiskTier
from runtime_handler.models.failures import Failure
from runtime_handler.models.loads import Loads
from runtime_handler.models.memory import MemoryTier
from runtime_handler.models.model import ModelId, ModelStatus
from runtime_handler.models.order import Order
from runtime_handler.models.status import metadata, version_status


class Shelf:
    """The tables that requests read. `latest` and the memory tier's table are read without a lock.

    `on_demand` says that models are loaded when they are asked for (a cache), rather than all of them at once.
    """

    def __init__(
        self, memory: MemoryTier, disk: DiskTier, open_loads: Callable[[Callable[[ModelId], None]], Loads], *, on_demand: bool
    ) -> None:
        self.memory, self.disk, self.on_demand = memory, disk, on_demand
        self.loads = open_loads(self._ended)
        self.catalog: Catalog = {}
        self.latest: dict[str, ModelId] = {}
        self._pending: set[str] = set()
        self._lock = threading.RLock()

    def adopt(self, catalog: Catalog, *, load: bool = True) -> set[str]:
        """Make a new catalog the truth, and let go of what is not in it any more; `load` makes what is new due.

        Returns the names of the models that changed.
        """
        with self._lock:
            before, self.catalog = self.catalog, catalog
            changed = {name for name in (*before, *catalog) if before.get(name) is not catalog.get(name)}
            for name in changed:
                kept = catalog[name].versions if name in catalog else {}
                for number in before[name].versions if name in before else ():
                    if number not in kept:
                        self._let_go(ModelId(name, number))
                self.choose(name)
            if load:
                self._pending |= changed
            self._pending &= catalog.keys()
            return changed

    def clear_disk(self) -> None:
        """Remove versions from the disk that the catalog does not have."""
        for key, _ in self.disk.entries():
            if self.version(key) is None:
                self.disk.drop(key)

    def choose(self, name: str) -> ModelId | None:
        """Decide anew what "latest" of a model means."""
        with self._lock:
            model = self.catalog.get(name)
            current = self.latest.get(name)
            number = None
            if model is not None:
                number = latest(
                    self._candidates(model), pin=model.pin, current=current and current.version, on_demand=self.on_demand
                )
            if number is None:
                self.latest.pop(name, None)
                return None
            key = self.latest[name] = ModelId(name, number)
            return key

    def loadable(self, name: str) -> ModelId | None:
        """The version of a model that "latest" would mean if all that can be were loaded."""
        model = self.catalog.get(name)
        number = latest(self._candidates(model), pin=model.pin, current=None, on_demand=True) if model is not None else None
        return ModelId(name, number) if number is not None else None

    def version(self, key: ModelId) -> Version | None:
        """What the catalog knows of a version."""
        model = self.catalog.get(key.name)
        return model.versions.get(key.version) if model is not None else None

    def due(self) -> list[Order]:
        """What is worth loading now, most wanted versions first."""
        with self._lock:
            names = self._pending | {key.name for key, _ in self.loads.failures.all()}
            orders = {name: self._orders(self.catalog[name]) for name in sorted(names) if name in self.catalog}
            self._pending = {name for name, found in orders.items() if found}
            return [order for found in orders.values() for order in found]

    def files(self, version: Version) -> Files | None:
        """The files to load when the version is asked for: the settled ones; older ones on disk while those are failing."""
        settled, failures = version.settled, self.loads.failures
        if settled is None or not failures.backing_off(version.id, settled.fingerprint):
            return settled
        good = self.loads.good.get(version.id)
        if good is None or failures.backing_off(version.id, good.fingerprint):  # what was good once, and is failing now
            return None
        return good if self.disk.has((version.id, good.fingerprint)) else None

    def failure(self, version: Version) -> Failure | None:
        """Why the files that are wanted of a version could not be loaded."""
        return self.loads.failures.of(version.id, version.settled.fingerprint) if version.settled is not None else None

    def statuses(self) -> Sequence[ModelStatus]:
        """Every version of every model, sorted."""
        return self._statuses(self.catalog)

    def metadata(self) -> Mapping[str, Any]:
        """Cortex's `model_metadata`."""
        catalog = self.catalog  # once, for a refresh may bring another at any moment
        return metadata(catalog, self._statuses(catalog))

    def _statuses(self, catalog: Catalog) -> Sequence[ModelStatus]:
        flying, on_disk = self.loads.flying(), {key for key, _ in self.disk.entries()}
        return [
            version_status(
                version,
                resident=version.id in self.memory.table,
                last_access=self.memory.last_use(version.id)[1],
                failure=self.failure(version),
                load_ms=self.loads.took_ms.get(version.id),
                loading=version.id in flying,
                on_disk=version.id in on_disk or (model.listed is not None and model.listed.in_place is not None),
                on_demand=self.on_demand,
                stale=self._candidate(version).stale,
            )
            for _, model in sorted(catalog.items())
            for _, version in sorted(model.versions.items())
        ]

    def _candidates(self, model: KnownModel) -> Sequence[Candidate]:
        return [self._candidate(version) for version in model.versions.values()]

    def _candidate(self, version: Version) -> Candidate:
        loaded, files = self.memory.fingerprint(version.id), self.files(version)
        return Candidate(
            version=version.id.version,
            resident=loaded is not None,
            loadable=files is not None,
            stale=loaded is not None and files is not None and loaded != files.fingerprint,
        )

    def _orders(self, model: KnownModel) -> Iterable[Order]:
        current = self.latest.get(model.name)
        numbers = worth_loading(
            self._candidates(model), pin=model.pin, current=current and current.version, on_demand=self.on_demand
        )
        orders = []
        for number in numbers:
            version = model.versions[number]
            if (files := self.files(version)) is not None:
                keep = {version.id} | ({current} if current is not None else set())
                orders.append(Order(key=version.id, files=files, listed=model.listed, keep=frozenset(keep)))
        return orders

    def _ended(self, key: ModelId) -> None:
        """A load has ended; its version or these files may be gone, and others may have come."""
        with self._lock:
            version = self.version(key)
            if version is None:
                self._let_go(key)
            else:
                # What serves, and what is to: newer files that fail stay on disk, so that no attempt downloads them again.
                wanted = {files.fingerprint for files in (version.settled, self.loads.good.get(key)) if files is not None}
                self.loads.failures.keep(key, wanted)
                self.disk.drop(key, besides=wanted)
                self._pending.add(key.name)
            if self.latest.get(key.name) != key:
                self.choose(key.name)

    def _let_go(self, key: ModelId) -> None:
        self.memory.drop(key)
        self.memory.past.forget(key)
        self.disk.drop(key)
        self.loads.forget(key)
