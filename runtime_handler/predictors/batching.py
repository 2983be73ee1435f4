"""Server-side batching of client calls: calls that run at the same time become one run of the model.

A batcher belongs to one loaded version, so versions never mix. There is no thread of its own: the first caller leads,
waits for others, runs the model for all and hands out the rows. It waits at most `batch_interval`, and only while
somebody may still come: a request that is alone runs at once. While a batch runs, the next one gathers: started beside
it, every caller would find itself alone, and none would ever share a run.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from runtime_handler.contract import BatchingSpec
from runtime_handler.models import lease

POLL_S = 0.001
"""How often a leader looks whether the others have ended without calling the model."""

Feed = TypeVar("Feed")
Outputs = TypeVar("Outputs")


class Batchable(Protocol[Feed, Outputs]):
    """How calls of one model become one, and one answer many."""

    def rows(self, feed: Feed) -> tuple[Any, int] | None:
        """(what feeds must have in common to be joined, number of rows); None when this feed runs alone."""

    def join(self, feeds: Sequence[Feed]) -> Feed:
        """One feed with the rows of all, in order."""

    def split(self, outputs: Outputs, rows: Sequence[int]) -> list[Outputs] | None:
        """The outputs of each; None when an output has not a row for each row of the input."""

    def run(self, feed: Feed) -> Outputs:
        """One run of the model."""


class _Call(Generic[Feed, Outputs]):
    __slots__ = ("error", "feed", "kind", "leads", "outputs", "rows", "turn")

    def __init__(self, feed: Feed, kind: Any, rows: int) -> None:
        self.feed, self.kind, self.rows = feed, kind, rows
        self.turn = threading.Lock()
        self.outputs: Outputs | None = None
        self.error: BaseException | None = None
        self.leads = False


class Batcher(Generic[Feed, Outputs]):
    """Joins the calls of one model. `running` counts the requests that are in their predict now."""

    def __init__(
        self,
        model: Batchable[Feed, Outputs],
        spec: BatchingSpec,
        *,
        running: Callable[[], int] = lease.running,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = model
        self._spec = spec
        self._running = running
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: list[_Call[Feed, Outputs]] = []
        self._away = 0
        self._splits = True

    def run(self, feed: Feed) -> Outputs:
        """The model's outputs for `feed`. Raises what the model raises for this feed alone."""
        described = self._model.rows(feed) if self._splits else None
        if described is None:
            return self._model.run(feed)
        call: _Call[Feed, Outputs] = _Call(feed, *described)
        call.turn.acquire()
        with self._changed:
            self._waiting.append(call)
            call.leads = len(self._waiting) == 1
            if self._nobody_to_wait_for():
                self._changed.notify()
        if not call.leads:
            call.turn.acquire()  # held since the call was made; an event costs three times as much
        if call.leads:  # from the beginning, or because the leader before has made it one
            self._lead(call)
        if call.error is not None:
            raise call.error
        assert call.outputs is not None
        return call.outputs

    def _lead(self, leader: _Call[Feed, Outputs]) -> None:
        batch = self._gather(leader)
        try:
            self._run_batch(batch)
        finally:
            with self._changed:
                self._away -= len(batch)
                self._changed.notify()
            for call in batch:
                if call is not leader:
                    call.turn.release()

    def _gather(self, leader: _Call[Feed, Outputs]) -> list[_Call[Feed, Outputs]]:
        deadline = self._clock() + self._spec.batch_interval_s
        with self._changed:
            while not self._nobody_to_wait_for():
                left = deadline - self._clock()
                if left <= 0:
                    break
                self._changed.wait(min(left, POLL_S))
            batch = [leader]
            for call in self._waiting:
                if call is not leader and call.kind == leader.kind and len(batch) < self._spec.max_batch_size:
                    batch.append(call)
            self._waiting = [call for call in self._waiting if call not in batch]
            self._away += len(batch)
            if self._waiting:
                self._waiting[0].leads = True
                self._waiting[0].turn.release()
        return batch

    def _nobody_to_wait_for(self) -> bool:
        waiting = len(self._waiting)
        return waiting >= self._spec.max_batch_size or (not self._away and waiting >= self._running())

    def _run_batch(self, batch: list[_Call[Feed, Outputs]]) -> None:
        if len(batch) > 1:
            try:
                outputs = self._model.run(self._model.join([call.feed for call in batch]))
                parts = self._model.split(outputs, [call.rows for call in batch])
            except Exception:  # noqa: BLE001  one caller's input may be at fault: each on its own shows whose
                parts = None
            else:
                self._splits = parts is not None
            if parts is not None:
                for call, part in zip(batch, parts, strict=True):
                    call.outputs = part
                return
        for call in batch:
            try:
                call.outputs = self._model.run(call.feed)
            except BaseException as error:  # noqa: BLE001  raised in its caller's thread
                call.error = error
