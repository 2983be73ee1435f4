"""Which models the running requests hold: what `get` gave a request counts against the cache until its predict returns."""

from contextvars import ContextVar, Token
from types import TracebackType

from runtime_handler.models.model import Model


class Request:
    """One running request, entered around its predict::

        with Request():
            return predictor.predict(payload)

    Models that `get` hands out meanwhile, in the same thread or task, are held until the end. A thread that the user's
    code starts is not part of the request; what it gets stays alive, but the cache does not count it.
    """

    __slots__ = ("_token", "models")

    def __init__(self) -> None:
        self.models: list[Model] = []

    def __enter__(self) -> "Request":
        self._token: Token[Request | None] = current.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        current.reset(self._token)
        self.models.clear()


current: ContextVar[Request | None] = ContextVar("request", default=None)
"""The request that this thread or task serves."""
