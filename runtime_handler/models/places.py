"""Where a model path of api.json leads: an S3 prefix, a live folder, or a folder packed into the image."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from runtime_handler.models.local import LocalSource
from runtime_handler.models.source import Source

if TYPE_CHECKING:
    from runtime_handler.models.bucket import Bucket


class Opens(Protocol):
    """Opens sources: `Places`, or what stands in for it."""

    def source(self, path: str) -> Source:
        """The source of a folder's path."""


class Places:
    """Opens sources, each once; relative paths are folders under `root`, the one that holds api.json."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._sources: dict[str, Source] = {}
        self._buckets: dict[str, Bucket] = {}

    def source(self, path: str) -> Source:
        """The source of a folder's path."""
        if path not in self._sources:
            self._sources[path] = self._open(path)
        return self._sources[path]

    def close(self) -> None:
        """Let go of every bucket's connections and credentials, until `reopen`."""
        for bucket in self._buckets.values():
            bucket.close()

    def reopen(self) -> None:
        """Open every bucket again."""
        for bucket in self._buckets.values():
            bucket.reopen()

    def _open(self, path: str) -> Source:
        if not path.startswith("s3://"):
            return LocalSource(self._root / path, packed=is_packed(path))
        from runtime_handler.models.bucket import Bucket  # here, so that local models never pay for an S3 client
        from runtime_handler.models.s3 import S3Source

        name, _, prefix = path.removeprefix("s3://").partition("/")
        if name not in self._buckets:
            self._buckets[name] = Bucket(name)
        return S3Source(self._buckets[name], prefix)


def is_packed(path: str) -> bool:
    """Whether the files at a path never change while we serve: they are in the image, or SageMaker put them there."""
    return not path.startswith(("s3://", "/")) or path.startswith("/opt/ml/")


def are_copied(paths: Iterable[str]) -> bool:
    """Whether models at some of these paths are loaded from copies: all but those of packed folders; files are, too."""
    return any(not is_packed(path) or path.endswith(".onnx") for path in paths)


def split(path: str) -> tuple[str, str]:
    """A path's folder, which ends in a slash unless it is empty, and its last part."""
    parent, slash, name = path.rstrip("/").rpartition("/")
    return parent + slash, name
