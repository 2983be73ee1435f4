"""Which models the running requests hold: what `get` gave a request counts against the cache until its predict returns.

The warm path takes no lock. A request notes what it is taking first and looks for it in the cache's table after; an eviction
takes it out of the table first and looks at the requests' notes after; so one of the two always sees the other.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Protocol, TypeVar

from runtime_handler.models.model import Model, ModelId


class HasModel(Protocol):
    """An entry of the cache's table."""

    model: Model


Entry = TypeVar("Entry", bound=HasModel)


class Lease:
    """One running request, entered around its predict::

        with Lease():
            return predictor.predict(payload)

    Models that `get` hands out meanwhile, in the same thread or task, are held until the end. A thread that the user's
    code starts is not part of the request; what it gets stays alive, but the cache does not count it.

    `sent_to` is the one of several models that a SageMaker endpoint sent the request to; `taking` the version that the
    request is looking up at this moment.
    """

    __slots__ = ("_token", "models", "sent_to", "taking")

    def __init__(self, sent_to: str | None = None) -> None:
        self.sent_to = sent_to
        self.models: list[Model] = []
        self.taking: ModelId | None = None

    def take(self, key: ModelId, table: Mapping[ModelId, Entry]) -> Entry | None:
        """The entry of a version, whose model the request holds from now on, if there is one."""
        self.taking = key
        entry = table.get(key)
        if entry is not None:
            self.models.append(entry.model)
        self.taking = None
        return entry

    def given(self, key: ModelId, fingerprint: str) -> Model | None:
        """The model of that id and content that this request holds."""
        return next((model for model in self.models if model.id == key and model.fingerprint == fingerprint), None)

    def __enter__(self) -> "Lease":
        _running.add(self)
        self._token: Token[Lease | None] = _current.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _current.reset(self._token)
        held = bool(self.models)
        self.models.clear()  # before the request is seen to have ended: from then on they may be evicted, and must be gone
        _running.discard(self)
        if held:
            for released in tuple(_waiting):
                released()


_current: ContextVar[Lease | None] = ContextVar("lease", default=None)
_running: set[Lease] = set()
_waiting: set[Callable[[], None]] = set()

current = _current.get
"""The request that this thread or task serves, or None."""


def running() -> int:
    """How many requests are in their predict now."""
    return len(_running)


class Held:
    """The models that requests hold, or may hold in a moment: `model in held`. False when there are none.

    `keys` are the versions that they are of; others of the same versions, loaded before or after, need not be held.
    """

    __slots__ = ("_models", "_taking", "keys")

    def __init__(self, requests: Iterable[Lease]) -> None:
        self._models: set[int] = set()
        self._taking: set[ModelId] = set()
        self.keys: set[ModelId] = set()
        for request in requests:
            if (taking := request.taking) is not None:  # first, for it is noted until the model is among the others
                self._taking.add(taking)
                self.keys.add(taking)
            models = tuple(request.models)
            self._models.update(map(id, models))
            self.keys.update(model.id for model in models)

    def __contains__(self, model: Model) -> bool:
        return id(model) in self._models or model.id in self._taking

    def __bool__(self) -> bool:
        return bool(self._models or self._taking)


def held(besides: Collection[Lease] = ()) -> Held:
    """What the running requests hold, but for those in `besides`."""
    return Held(request for request in tuple(_running) if request not in besides)


def watch(released: Callable[[], None]) -> None:
    """Have `released` called whenever a request lets go of models, until `unwatch`."""
    _waiting.add(released)


def unwatch(released: Callable[[], None]) -> None:
    """End a `watch`."""
    _waiting.discard(released)
