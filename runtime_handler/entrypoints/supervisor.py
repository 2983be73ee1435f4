"""The parent of a replica with several processes: accepts connections, hands each to a worker, replaces workers that die.

Nothing stands between a caller and its worker: the worker gets the connection itself. When it dies, a request that it had
not answered gets a 503 from here, any other connection goes to another worker, and its caller never notices.
"""

import gc
import logging
import os
import selectors
import signal
import socket
import time
from itertools import chain

from runtime_handler.entrypoints.board import Board, WorkerGate
from runtime_handler.entrypoints.compose import Composed
from runtime_handler.entrypoints.connections import NOT_TAKEN, READY, Handed
from runtime_handler.entrypoints.dispatcher import Dispatcher
from runtime_handler.entrypoints.door import Door
from runtime_handler.entrypoints.farewell import Farewell
from runtime_handler.entrypoints.flushes import Flushes
from runtime_handler.entrypoints.leaving import leave
from runtime_handler.entrypoints.process import run_process
from runtime_handler.entrypoints.settings import Settings
from runtime_handler.entrypoints.siblings import Siblings, make_mailboxes
from runtime_handler.entrypoints.worker import Successions, Worker
from runtime_handler.metrics.in_flight import InFlightSampler

SLOTS = 16_384
"""Connections that a replica can have open."""
KILL_AFTER_S = 28
"""ECS and SageMaker kill all of us 30 s after SIGTERM."""
LOOK_S = 0.5
"""How often the supervisor looks after everything, whatever happens."""
WAITING_LOOK_S = 0.05
"""The same while a connection waits: that a worker can take it again, nothing says."""
HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)

log = logging.getLogger("cxpack")


class Supervisor:
    """Runs the workers of one API until SIGTERM or SIGINT, or until the predictor turns out not to start."""

    def __init__(self, composed: Composed, settings: Settings, listener: socket.socket) -> None:
        spec = composed.service.spec
        self._composed = composed
        self._settings = settings
        self._limit = spec.max_replica_concurrency
        self._board = Board(spec.predictor.processes_per_replica, SLOTS)
        self._mailboxes = make_mailboxes(self._board.workers)
        self._workers: dict[int, Worker] = {}
        self._selector = selectors.DefaultSelector()
        self._farewell = Farewell(self._selector)
        self._dispatcher = Dispatcher(self._board, self._workers, self._farewell)
        self._door = Door(listener, self._selector, self._dispatcher)
        self._successions = Successions()
        self._stopping_since: float | None = None
        self._exit_code = 0
        self._asked_to_stop = False

    def run(self) -> int:
        """The exit code of the replica."""
        wake, wakened = socket.socketpair()
        for end in (wake, wakened):
            end.setblocking(False)
        signal.set_wakeup_fd(wakened.fileno(), warn_on_full_buffer=False)
        for handled in HANDLED:
            signal.signal(handled, self._on_signal)
        self._selector.register(wake, selectors.EVENT_READ, lambda: wake.recv(4096))
        gc.freeze()  # what is loaded now stays shared with every worker
        self._spawn_all()
        flushes = Flushes(self._composed.recorder.flush)
        sampler = InFlightSampler(self._board.in_flight, self._composed.recorder, flushes.begin)
        next_sample = time.monotonic() + 1
        while self._workers or (self._stopping_since is None and self._successions):
            self._dispatcher.retry()
            if self._stopping_since is None:
                self._door.tick(time.monotonic())
            look_s = WAITING_LOOK_S if self._dispatcher.waits else LOOK_S
            for key, _ in self._selector.select(timeout=min(look_s, max(0.0, next_sample - time.monotonic()))):
                key.data()
            if self._asked_to_stop:
                self._stop(0)
            now = time.monotonic()
            if now >= next_sample:
                next_sample += 1
                sampler.tick()
            self._reap()
            self._farewell.tick(now)
            self._respawn(now)
            self._kill_stragglers(now)
        self._farewell.close()
        self._dispatcher.close()
        for each in chain(*self._mailboxes):
            each.close()
        flushes.end()
        return self._exit_code

    def _on_signal(self, number: int, frame: object) -> None:  # noqa: ARG002  the signature of a signal handler
        self._asked_to_stop |= number != signal.SIGCHLD  # acted upon in the loop, not in the middle of anything

    def _stop(self, exit_code: int) -> None:
        if self._stopping_since is not None:
            return
        self._stopping_since = time.monotonic()
        self._exit_code = exit_code
        self._door.close()
        for worker in self._workers.values():
            os.kill(worker.pid, signal.SIGTERM)

    def _kill_stragglers(self, now: float) -> None:
        if self._stopping_since is not None and now - self._stopping_since > KILL_AFTER_S:
            for worker in self._workers.values():
                os.kill(worker.pid, signal.SIGKILL)

    def _spawn_all(self) -> None:
        try:
            for number in range(self._board.workers):
                self._spawn(number)
        except OSError as error:  # the system has no room for them
            log.error("the %d processes of this replica could not be started: %s", self._board.workers, error)
            self._stop(exit_code=1)

    def _spawn(self, number: int) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # A signal between fork and the worker's own handlers would run ours, in the wrong process, and be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        try:
            pid = os.fork()
        except OSError:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
            for end in (ours, theirs):
                end.close()
            raise
        if pid == 0:
            leave(self._become_worker(number, ours, theirs), forked=True)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        theirs.close()
        ours.setblocking(False)
        worker = self._workers[pid] = Worker(number, pid, ours)
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._hear(worker))

    def _become_worker(self, number: int, ours: socket.socket, channel: socket.socket) -> int:
        """What the forked process does instead of returning from `_spawn`."""
        try:
            signal.set_wakeup_fd(-1)
            for handled in HANDLED:
                signal.signal(handled, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
            # A copy that stays open here would keep a caller waiting after its connection is closed.
            self._selector.close()
            for end in (ours, *(worker.channel for worker in self._workers.values())):
                end.close()
            self._door.forget()
            self._dispatcher.close()
            self._farewell.forget()
            self._composed.recorder.forget()
            gate = WorkerGate(self._board, number, self._limit)
            siblings = Siblings(self._board, number, self._mailboxes, self._composed.service)
            connections = Handed(channel, self._board, number, siblings)
            return run_process(self._composed, self._settings, connections, gate, samples=False)
        except BaseException:  # the process ends here, whatever it was: its parent's stack is no place to unwind
            log.exception("worker %d ended", number)
            return 1

    def _hear(self, worker: Worker) -> None:
        while True:
            try:
                message = worker.channel.recv(64)
            except (BlockingIOError, ConnectionError):
                return
            if not message:
                return
            if message == READY:
                worker.ready = True
                self._successions.ready(worker)
                if all(each.ready for each in self._workers.values()) and len(self._workers) == self._board.workers:
                    self._board.set_all_ready()
            elif message.startswith(NOT_TAKEN):
                self._dispatcher.hand_back(worker, int.from_bytes(message.removeprefix(NOT_TAKEN), "big"))
            else:
                self._dispatcher.done(worker, int.from_bytes(message, "big"))

    def _reap(self) -> None:
        for pid in list(self._workers):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._bury(self._workers[pid], os.waitstatus_to_exitcode(status))

    def _bury(self, worker: Worker, code: int) -> None:
        self._hear(worker)  # what it said before it died
        del self._workers[worker.pid]
        self._selector.unregister(worker.channel)
        worker.channel.close()
        for _ in range(self._board.in_flight_of(worker.number)):  # how long they took, nobody knows
            self._composed.recorder.record("StatusCode", 1, Code="5XX")
        self._board.clear(worker.number)
        if self._stopping_since is None:
            self._replace(worker, code)
        self._dispatcher.orphan(worker, stopping=self._stopping_since is not None)

    def _replace(self, worker: Worker, code: int) -> None:
        if not self._board.all_ready:  # a start that fails is for the platform to see
            if code != 1:  # with 1, the worker has said why
                log.error("a process ended with code %d while it started", code)
            self._stop(exit_code=1)
            return
        log.error("worker %d ended with code %d; another takes its place", worker.number, code)
        self._successions.died(worker, time.monotonic())

    def _respawn(self, now: float) -> None:
        running = {worker.number for worker in self._workers.values()}
        for number in self._successions.due(now, running) if self._stopping_since is None else ():
            try:
                self._spawn(number)
            except OSError as error:  # the system has no room for a process or a file now
                log.error("worker %d could not be started again: %s", number, error)
                self._successions.failed(number, now)
