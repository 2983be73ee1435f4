"""Which models the running requests hold: what `get` gave a request counts against the cache until its predict returns.

The warm path takes no lock. A request notes a model first and looks for it in the cache's table after; an eviction takes
it out of the table first and looks at the requests' notes after; so one of the two always sees the other.
"""

from collections.abc import Callable, Collection
from contextvars import ContextVar, Token
from types import TracebackType

from runtime_handler.models.model import Model, ModelId


class Lease:
    """One running request, entered around its predict::

        with Lease():
            return predictor.predict(payload)

    Models that `get` hands out meanwhile, in the same thread or task, are held until the end. A thread that the user's
    code starts is not part of the request; what it gets stays alive, but the cache does not count it.

    `sent_to` is the one of several models that a SageMaker endpoint sent the request to.
    """

    __slots__ = ("_token", "models", "sent_to")

    def __init__(self, sent_to: str | None = None) -> None:
        self.sent_to = sent_to
        self.models: list[Model] = []

    def given(self, key: ModelId, fingerprint: str) -> Model | None:
        """The model of that id and content that this request holds."""
        return next((model for model in self.models if model.id == key and model.fingerprint == fingerprint), None)

    def __enter__(self) -> "Lease":
        _running.add(self)
        self._token: Token[Lease | None] = _current.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _current.reset(self._token)
        _running.discard(self)
        if self.models:
            self.models.clear()
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


def held(besides: Collection[Lease] = ()) -> set[int]:
    """The `id()` of every model that a running request holds, but for those that only requests in `besides` do."""
    return {id(model) for request in tuple(_running) if request not in besides for model in tuple(request.models)}


def watch(released: Callable[[], None]) -> None:
    """Have `released` called whenever a request lets go of models, until `unwatch`."""
    _waiting.add(released)


def unwatch(released: Callable[[], None]) -> None:
    """End a `watch`."""
    _waiting.discard(released)
