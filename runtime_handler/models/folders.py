"""Models that somebody else puts on the disk and names one by one: SageMaker's multi-model endpoints.

SageMaker downloads a model, tells the container its name and folder, and decides itself what to unload when the
container answers that there is no room (container contract "Multi-model endpoints": 409 loaded already, 507 no room).
So nothing is evicted here, nothing is copied, and nothing settles.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from runtime_handler.errors import BadModel, ModelExists, ModelNotFound, NoCapacity, NoRoom
from runtime_handler.models.catalog import KnownModel, Rules, refresh
from runtime_handler.models.layout import Layout, unusable
from runtime_handler.models.local import LocalSource
from runtime_handler.models.model import ModelStatus
from runtime_handler.models.order import Order
from runtime_handler.models.scan import Listed, Scan
from runtime_handler.models.shelf import Shelf
from runtime_handler.models.source import SourceError


class Folders:
    """The models that were loaded by folder. Every method may be called from any thread."""

    def __init__(self, shelf: Shelf, layout: Layout, clock: Callable[[], float]) -> None:
        self._shelf, self._layout, self._clock = shelf, layout, clock
        self._lock = threading.Lock()

    def load(self, name: str, folder: str) -> Sequence[ModelStatus]:
        """Load every complete version in `folder`, and return them. Blocks until that has ended.

        Raises ModelExists, NoRoom, and BadModel when the folder holds no model or it cannot be loaded.
        """
        model = self._read(name, folder)
        with self._lock:
            if name in self._shelf.catalog:
                raise ModelExists(f"model {name!r} is loaded already", model=name)
            self._shelf.adopt({**self._shelf.catalog, name: model}, load=False)
        loads = [
            self._shelf.loads.start(Order(key=version.id, files=version.settled, listed=model.listed, evict=False))
            for version in model.versions.values()
            if version.settled is not None
        ]
        for load in loads:
            load.done.wait()
        error = next((load.error for load in loads if load.error is not None), None)
        if error is not None:
            self._forget(name)
            raise (NoRoom if isinstance(error, NoCapacity) else BadModel)(error.message, model=name) from error
        return self.list(name)

    def unload(self, name: str) -> None:
        """Let go of a model; requests that use it may finish. Raises ModelNotFound."""
        if not self._forget(name):
            raise ModelNotFound(f"there is no model {name!r}", model=name)

    def list(self, name: str | None = None) -> Sequence[ModelStatus]:
        """The loaded versions, of one model or of all. Raises ModelNotFound for a name that there is not."""
        if name is not None and name not in self._shelf.catalog:
            raise ModelNotFound(f"there is no model {name!r}", model=name)
        return [status for status in self._shelf.statuses() if status.memory and name in {None, status.name}]

    def _forget(self, name: str) -> bool:
        with self._lock:
            kept = {other: model for other, model in self._shelf.catalog.items() if other != name}
            known = len(kept) < len(self._shelf.catalog)
            self._shelf.adopt(kept, load=False)
        self._shelf.loads.tidy()
        return known

    def _read(self, name: str, folder: str) -> KnownModel:
        path = Path(folder)
        if not name or (reason := unusable(name)) is not None:
            raise BadModel(f"{name!r} cannot be a model's name" + (f": {reason}" if name else ""), model=name)
        if not path.is_absolute() or not path.is_dir():
            raise BadModel(f"{folder} is not the absolute path of a folder", model=name)
        source = LocalSource(path, packed=True)
        try:
            objects = tuple(source.list())
        except SourceError as error:
            raise BadModel(str(error), model=name) from error
        listed = Listed(source=source, folder="", objects=objects, now=source.now(), in_place=path)
        scan = Scan(models={name: listed})
        model = refresh({}, scan, Rules(layout=self._layout, settle_s=0.0), now=self._clock())[name]
        if not any(version.settled is not None for version in model.versions.values()):
            problem = next((version.problem for version in model.versions.values()), "it holds no files")
            raise BadModel(f"{folder} holds no {self._layout.name} model: {problem}", model=name)
        return model
