"""A model as requests see it, and what `/-/status` says of one; the interface between predictors and the manager."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from runtime_handler.contract import SINGLE_MODEL

State = Literal["settling", "loading", "ready", "failed"]


def title(name: str) -> str:
    """A model in a sentence; the one model of `model_path` has no name that a user knows."""
    return "the model" if name == SINGLE_MODEL else f"model {name!r}"


class ModelId(NamedTuple):
    """A model's name and one of its versions; the two are never concatenated. An unversioned model has version 1."""

    name: str
    version: int


class Model:
    """A loaded version, equal to itself alone.

    `value` is what the predictor type's loader returned, `fingerprint` what tells its files from others. Holding it keeps the
    model alive, whatever the cache evicts meanwhile; nobody has to give it back.
    """

    __slots__ = ("fingerprint", "id", "value")

    def __init__(self, *, id: ModelId, value: Any, fingerprint: str) -> None:
        self.id, self.value, self.fingerprint = id, value, fingerprint


class ModelStatus(NamedTuple):
    """One version of one model. `last_access` and `next_retry` are Unix seconds, `bytes` the size on disk.

    `load_ms` is how long its last load took, the download included; None when this process never loaded it.
    """

    name: str
    version: int
    state: State
    memory: bool
    disk: bool
    bytes: int
    last_access: float | None = None
    error: str | None = None
    next_retry: float | None = None
    load_ms: float | None = None


class TierStatus(NamedTuple):
    """Model versions held by one cache tier, and how many it may hold; the bytes that they count as, and its budget.

    Both include what is being loaded, or fetched. None: no limit.
    """

    used: int
    limit: int | None
    bytes: int = 0
    budget: int | None = None


class CacheStatus(NamedTuple):
    """Both tiers of the model cache."""

    memory: TierStatus
    disk: TierStatus


class Models(Protocol):
    """The models of one API, as clients and the HTTP routes use them. Every method may be called from any thread."""

    def get(self, name: str | None = None, version: str | int | None = "latest") -> Model:
        """The model to predict with, loaded; None and "latest" are the highest version that is ready.

        Raises BadModelVersion, MissingModelName, ModelNotFound, VersionNotFound, ModelLoading, ModelFailed or NoCapacity.
        """

    def status(self) -> Sequence[ModelStatus]:
        """Every known version, sorted by name and version."""

    def cache(self) -> CacheStatus:
        """How full the two cache tiers are."""

    def metadata(self) -> Mapping[str, Any]:
        """Cortex's `model_metadata`: model name -> {"versions": [str], "timestamps": [Unix seconds]}."""
