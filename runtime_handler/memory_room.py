"""What a process leaves of its memory for the models of a cache: measured when the predictor and the libraries have taken theirs.

A constructor may take any amount, before it loads models itself or after, and a framework hundreds of megabytes: TensorFlow
600 where it was measured. So it is measured before the first model is loaded, and when the predictor stands; what was loaded
until then is left out by what it counts as, and the smaller room counts.
"""

import importlib
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from runtime_handler.contract import ModelsSpec
from runtime_handler.memory_limit import resident_bytes, room_for_models
from runtime_handler.starting import Opened, OpenedModels

if TYPE_CHECKING:
    from runtime_handler.models.manager import Manager

log = logging.getLogger("cxpack")


class MemoryRoom:
    """Of the `memory` bytes that a process may take, those that loaded models may. `resident` tells what it takes now."""

    def __init__(self, models: ModelsSpec, memory: int, resident: Callable[[], int] = resident_bytes) -> None:
        self._set, self._memory, self._resident = models.cache_bytes, memory, resident
        self._room = room_for_models(memory, resident())

    @property
    def budget(self) -> int | None:
        """Bytes that models are to stay within, so that no load ends the process; None: somebody set a budget."""
        return self._room if self._set is None else None

    def kept(self, opened: OpenedModels, manager: "Manager", framework: str | None) -> Opened:
        """`opened`, whose `manager` is kept within the room. `framework` is a library to import before the first load."""

        def start() -> None:
            if framework is not None:
                with suppress(Exception):  # the first load tells what is wrong with it
                    importlib.import_module(framework)
            self.measure(manager)
            opened.start()

        def stands() -> None:
            self.measure(manager)
            self.tell()

        return Opened(opened, start, stands)

    def measure(self, manager: "Manager") -> None:
        """Look at what the process takes now, and lower the budget if that is more than before."""
        others = self._resident() - manager.cache().memory.bytes
        self._room = min(self._room, room_for_models(self._memory, others))
        if self.budget is not None:
            manager.limit_memory(self.budget)

    def tell(self) -> None:
        """Have the log know the budget, or that the one that somebody set is more than there is room for."""
        room, memory = (size / (1 << 20) for size in (self._room, self._memory))
        if self._set is None:
            log.info(
                "loaded models may take %.0f MiB of this process's %.0f; deploy.cache_bytes sets another limit", room, memory
            )
        elif self._set > self._room:
            log.warning(
                "deploy.cache_bytes lets loaded models take %.0f MiB; this process's %.0f MiB have room for %.0f: "
                "it may be killed",
                self._set / (1 << 20),
                memory,
                room,
            )
