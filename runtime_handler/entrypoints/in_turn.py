"""When a connection is read: not while requests that came on it wait for others of it."""

from collections.abc import Sized
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl


class InTurn(FlowControl):
    """uvicorn's flow control, which would read on with each answer, and let in thousands of requests that did not wait for it."""

    def __init__(self, transport: Any, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        """See uvicorn's."""
        if not self._waiting:
            super().resume_reading()
