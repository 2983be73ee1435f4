"""One look at everything that an API's models may be in: which objects each model path holds now."""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol

from runtime_handler.contract import ModelPath, ModelsSpec
from runtime_handler.models.layout import BOOKKEEPING, unusable
from runtime_handler.models.pins import Pins
from runtime_handler.models.places import Opens, split
from runtime_handler.models.source import Source, SourceError, SourceTooLarge, StoredObject

_PAGE = 1000
_SHARE_AGAIN = 100
"""Scans after which paths that were cheaper to list one by one are tried together again."""


class Listed(NamedTuple):
    """What one model path holds.

    Paths of `objects` are relative to `folder`, which is where the model lies in `source`; `now` is the source's clock.
    `in_place` is the model's folder when it can be loaded from without a copy; `pin` the version that it is pinned to.
    """

    source: Source
    folder: str
    objects: tuple[StoredObject, ...]
    now: float
    in_place: Path | None = None
    pin: int | None = None


class Scan(NamedTuple):
    """One look. Of the models in `failed` nothing is known, nor, with `error`, of any; others that are absent are gone.

    `begun` is when the look began, monotonic seconds.
    """

    models: Mapping[str, Listed]
    failed: Mapping[str, SourceError] = MappingProxyType({})
    error: SourceError | None = None
    begun: float = 0.0


class Scans(Protocol):
    """Who looks: `Scanner`, or what shares its scans with other processes."""

    def scan(self) -> Scan:
        """One look, for one thread at a time. What cannot be listed is in the result, not raised."""

    def again(self, name: str, listed: Listed) -> Listed:
        """What a model holds now that a scan found as `listed`: one listing of its own folder. Raises SourceError."""


class Replica(NamedTuple):
    """The processes that share scans: `since` is when the first of them began, monotonic seconds; `poll_s` their interval."""

    since: float
    poll_s: float


class Scanner:
    """The model paths of one spec. Paths in one folder of a bucket are listed together while that takes fewer requests."""

    def __init__(self, spec: ModelsSpec, places: Opens) -> None:
        self._spec = spec
        self._places = places
        self._pins = Pins()
        self._apart: dict[str, int] = {}
        self._files = {path.name: split(path.path)[1] for path in spec.paths if path.path.endswith(".onnx")}

    def scan(self) -> Scan:
        """See `Scans.scan`."""
        begun = time.monotonic()
        if self._spec.dir is not None:
            try:
                return Scan(models=self._directory(self._places.source(self._spec.dir)), begun=begun)
            except SourceError as error:
                return Scan(models={}, error=error, begun=begun)
        models: dict[str, Listed] = {}
        failed: dict[str, SourceError] = {}
        for parent, paths in _neighbours(self._spec.paths).items():
            try:
                together = self._together(parent, paths)
            except SourceError as error:
                failed |= {path.name: error for path in paths}
                continue
            for path in paths:
                try:
                    models[path.name] = together[path.name] if together else self._alone(path)
                except SourceError as error:
                    failed[path.name] = error
        return Scan(models=models, failed=failed, begun=begun)

    def again(self, name: str, listed: Listed) -> Listed:
        """See `Scans.again`. The pin stays as the scan found it."""
        source = listed.source
        now = source.now()
        file = self._files.get(name)
        objects = source.list(folder=listed.folder) if file is None else source.find(file)
        return listed._replace(objects=tuple(objects), now=now)

    def _directory(self, source: Source) -> Mapping[str, Listed]:
        now = source.now()  # before the listing: what is written meanwhile must not look older than it is
        objects = source.list()
        pins = self._pins.read(source, "", objects)
        models = {}
        for name, found in _by_folder(objects).items():
            if f"{name.lower()}/" != BOOKKEEPING and unusable(name) is None:  # some disks take .CXPACK for the same
                folder = source.in_place and source.in_place / name
                models[name] = Listed(
                    source=source, folder=f"{name}/", objects=tuple(found), now=now, in_place=folder, pin=pins.get(name)
                )
        return models

    def _alone(self, path: ModelPath) -> Listed:
        parent, name = split(path.path)
        if name.endswith(".onnx"):
            source = self._places.source(parent)
            return Listed(source=source, folder="", now=source.now(), objects=tuple(source.find(name)))
        source = self._places.source(path.path)
        now, objects = source.now(), tuple(source.list())
        pin = self._pins.read(source, "", objects).get(path.name)
        return Listed(source=source, folder="", objects=objects, now=now, in_place=source.in_place, pin=pin)

    def _together(self, parent: str, paths: Sequence[ModelPath]) -> Mapping[str, Listed]:
        """One listing of the folder that all `paths` lie in; empty when it is not allowed or not worth it."""
        if len(paths) == 1 or not parent.startswith("s3://") or parent == "s3://":
            return {}
        if self._apart.get(parent, 0) > 0:
            self._apart[parent] -= 1
            return {}
        source = self._places.source(parent)
        now = source.now()
        try:
            objects = source.list(at_most=_PAGE * len(paths))
        except SourceError as error:
            if error.permanent or isinstance(error, SourceTooLarge):
                self._apart[parent] = _SHARE_AGAIN
                return {}
            raise
        folders = _by_folder(objects)
        files = {item.path: item for item in objects if "/" not in item.path}
        models = {}
        for path in paths:
            _, name = split(path.path)
            if name.endswith(".onnx"):
                found, folder = [files[name]] if name in files else [], ""
            else:
                found, folder = folders.get(name, []), f"{name}/"
            pin = self._pins.read(source, folder, found).get(path.name)
            models[path.name] = Listed(source=source, folder=folder, objects=tuple(found), now=now, pin=pin)
        return models


def _neighbours(paths: Iterable[ModelPath]) -> Mapping[str, Sequence[ModelPath]]:
    folders: dict[str, list[ModelPath]] = {}
    for path in paths:
        folders.setdefault(split(path.path)[0], []).append(path)
    return folders


def _by_folder(objects: Iterable[StoredObject]) -> dict[str, list[StoredObject]]:
    """Objects by the first part of their path, which is cut off; those that lie in no folder are left out."""
    folders: dict[str, list[StoredObject]] = {}
    for path, size, etag, modified in objects:
        name, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(name, []).append(StoredObject(rest, size, etag, modified))
    return folders
