"""Which versions of which models exist, and which files of theirs may be loaded: decisions over listings, no effects.

* A version may be loaded when its files are complete by the layout's rule and stood still for the settle time: their
  newest is older than that by the source's own clock, or, for files that changed while we watched, a second listing that
  long after the first found them the same, and none of them written again. The second listing is the next scan's, or,
  where that is not due yet, one of the model alone.
* With a marker, such as `_SUCCESS`, a version is complete only when a file of that name lies in its folder, and none of its
  files is newer: then no pause of an upload is too long. The marker itself is no part of the model.
* While newer files settle, or turn out incomplete, the ones that settled before stay what is served.
* A version that two listings in succession do not hold is gone. A listing that failed says nothing.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from runtime_handler.models.layout import FoundVersion, Layout, read_model
from runtime_handler.models.model import ModelId
from runtime_handler.models.scan import Listed, Scan
from runtime_handler.models.source import StoredObject, fingerprint

MISSES = 2
"""Listings in succession that must lack a version before it counts as deleted."""


class Files(NamedTuple):
    """The files of one version as one listing showed them; `folder` lies below the model's, paths are relative to it."""

    folder: str
    objects: tuple[StoredObject, ...]
    fingerprint: str
    bytes: int
    modified: float


class Version(NamedTuple):
    """One version. `files` are what the last listing showed and `problem` what is wrong with them.

    `since` is our clock when these files were first seen, `steady` whether they stood still for the settle time;
    `settled` are the files that may be loaded, None while there are none; `missing` counts listings that lacked it;
    `watched` is false while all that is known comes from our own disk.
    """

    id: ModelId
    files: Files
    problem: str | None
    since: float
    steady: bool
    settled: Files | None
    missing: int = 0
    watched: bool = True


class KnownModel(NamedTuple):
    """One model: the last listing of it, None when all that is known comes from our own disk, and its versions by number."""

    name: str
    listed: Listed | None
    versions: Mapping[int, Version]
    versioned: bool
    stray: tuple[str, ...] = ()

    @property
    def pin(self) -> int | None:
        """The version that "latest" is to mean."""
        return self.listed.pin if self.listed is not None else None

    def repeated_by(self, listed: Listed) -> bool:
        """Whether that listing changes nothing."""
        return (
            self.listed is not None
            and self.listed.objects == listed.objects
            and self.listed.pin == listed.pin
            and all(version.steady and not version.missing for version in self.versions.values())
        )


Catalog = Mapping[str, KnownModel]


class Rules(NamedTuple):
    """When a version may be loaded: its predictor type's layout, the settle time, and the marker of a finished upload."""

    layout: Layout
    settle_s: float
    marker: str | None = None


def refresh(known: Catalog, scan: Scan, rules: Rules, *, now: float) -> Catalog:
    """The catalog after a scan. Models that did not change are the same objects, so that `is` tells them apart."""
    models = {}
    for name, listed in scan.models.items():
        before = known.get(name)
        if before is not None and before.repeated_by(listed):
            models[name] = before
        else:
            models[name] = _reread(name, before, listed, rules, now)
    for name, before in known.items():
        if name in models:
            continue
        if scan.error is not None or name in scan.failed:
            models[name] = before
        else:
            versions = _missed(before.versions.values(), 1)
            if versions:
                models[name] = before._replace(versions=versions)
    return models


def look_again(known: Catalog, seen: Mapping[str, Listed], rules: Rules, *, now: float) -> Catalog:
    """The catalog after a second look at some of its models between two scans, which lets what stood still settle.

    Nothing is lost by it: a model of which it lacks objects stays as it was, and no version is counted as missing.
    """
    lost = vanished({name: known[name] for name in seen}, Scan(models=seen))
    models = {name: _reread(name, known[name], listed, rules, now, misses=0) for name, listed in seen.items() if name not in lost}
    return {**known, **models}


def from_disk(entries: Mapping[tuple[ModelId, str], Files]) -> Catalog:
    """What may be served before the source was reached: the versions that our own disk holds, oldest first in `entries`."""
    models: dict[str, KnownModel] = {}
    for (key, _), files in entries.items():
        version = Version(id=key, files=files, problem=None, since=0.0, steady=True, settled=files, watched=False)
        before = models.get(key.name)
        versions = {**(before.versions if before is not None else {}), key.version: version}
        models[key.name] = KnownModel(name=key.name, listed=None, versions=versions, versioned=files.folder != "")
    return models


def present(catalog: Catalog) -> Catalog:
    """The catalog without what its last scan lacked: at a start, what an earlier run had seen proves nothing."""
    models = {
        name: model._replace(versions={number: version for number, version in model.versions.items() if not version.missing})
        for name, model in catalog.items()
    }
    return {name: model for name, model in models.items() if model.versions or model.listed is not None}


def vanished(known: Catalog, scan: Scan) -> Mapping[str, str]:
    """For each model of which a scan lacks objects that were listed before: the path of one, relative to the model."""
    if scan.error is not None:
        return {}
    result = {}
    for name, before in known.items():
        if name in scan.failed or before.listed is None:
            continue
        listed = scan.models.get(name)
        if listed is not None and listed.objects == before.listed.objects:
            continue
        now = {item.path for item in listed.objects} if listed is not None else set()
        lost = next((item.path for item in before.listed.objects if item.path not in now), None)
        if lost is not None:
            result[name] = lost
    return result


def _reread(name: str, before: KnownModel | None, listed: Listed, rules: Rules, now: float, misses: int = 1) -> KnownModel:
    objects, markers = _apart(listed.objects, rules.marker)
    found = read_model(objects, rules.layout, was_versioned=before is not None and before.versioned)
    old = dict(before.versions) if before is not None else {}
    versions = {}
    settle_s = 0.0 if listed.source.in_place is not None else rules.settle_s  # packed files are not being uploaded
    for number, seen in found.versions.items():
        files, problem = _files(seen, objects, in_place=listed.in_place is not None), seen.problem
        if rules.marker is not None and problem is None and markers.get(seen.folder, 0.0) < files.modified:
            problem = f"{rules.marker} is missing, or older than the files"
        versions[number] = _seen(ModelId(name, number), old.pop(number, None), files, problem, listed.now, settle_s, now)
    versions |= _missed(old.values(), misses)
    return KnownModel(
        name=name, listed=listed, versions=dict(sorted(versions.items())), versioned=found.versioned, stray=found.stray
    )


def _apart(objects: Iterable[StoredObject], marker: str | None) -> tuple[dict[str, StoredObject], dict[str, float]]:
    """The files of a model by path, and when the marker of each folder at its top was written."""
    files, markers = {}, {}
    for item in objects:
        folder, slash, name = item.path.rpartition("/")
        if name == marker and "/" not in folder:
            markers[folder + slash] = item.modified
        else:
            files[item.path] = item
    return files, markers


def _files(seen: FoundVersion, objects: Mapping[str, StoredObject], *, in_place: bool) -> Files:
    chosen = tuple(objects[seen.folder + path]._replace(path=path) for path in seen.paths)
    return Files(
        folder=seen.folder,
        objects=chosen,
        fingerprint=fingerprint(chosen, in_place=in_place),
        bytes=sum(item.size for item in chosen),
        modified=max(item.modified for item in chosen),
    )


def _seen(
    key: ModelId, before: Version | None, files: Files, problem: str | None, source_now: float, settle_s: float, now: float
) -> Version:
    if before is not None and _stood_still(before, files):
        since = before.since
        steady = before.steady or (now - since >= settle_s)
    else:
        since = now
        watched = before is not None and before.watched
        steady = settle_s <= 0 or (not watched and _age(files, source_now) > settle_s)
    settled = before.settled if before is not None else None
    if steady and problem is None:
        settled = files
    return Version(id=key, files=files, problem=problem, since=since, steady=steady, settled=settled)


def _stood_still(before: Version, files: Files) -> bool:
    """Whether nothing was written: other bytes, or the same ones again, with which an upload that is under way goes on."""
    unwritten = before.steady or before.files.modified == files.modified
    return unwritten and before.files.fingerprint == files.fingerprint


def _age(files: Files, source_now: float) -> float:
    """Seconds since the newest file was written, at least. S3 cuts times to whole seconds, so those may be one younger."""
    return source_now - files.modified - files.modified.is_integer()


def _missed(versions: Iterable[Version], misses: int) -> dict[int, Version]:
    missing = {version.id.version: version._replace(missing=version.missing + misses) for version in versions}
    return {number: version for number, version in missing.items() if version.missing < MISSES}
