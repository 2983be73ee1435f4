"""When a dead worker's successor starts."""

import socket

from runtime_handler.entrypoints.worker import STUCK_S, Successions, Worker


def test_a_worker_that_looks_at_nothing_for_a_while_is_stuck() -> None:
    """As long as one that it was handed lies there too long, whatever came after; one that lies there shortly is no matter."""
    with socket.socket() as channel:
        worker = Worker(0, 1, channel)
        assert (worker.not_taken_up(0), worker.stuck(now=9)) == (0, False)
        for slot, now in ((5, 10.0), (6, 10.0 + STUCK_S), (7, 10.1 + STUCK_S)):
            worker.hand(slot, turn=slot, now=now)
        assert (worker.slots, worker.turn) == ({5, 6, 7}, 7)
        assert (worker.not_taken_up(0), worker.stuck(now=10.0 + STUCK_S)) == (3, False)
        assert worker.stuck(now=10.01 + STUCK_S)
        assert (worker.not_taken_up(1), worker.stuck(now=10.01 + STUCK_S)) == (2, False)
        assert (worker.not_taken_up(2), worker.stuck(now=10.05 + 2 * STUCK_S)) == (1, False)
        assert (worker.not_taken_up(3), worker.stuck(now=99)) == (0, False)


def test_successors_start_at_once_after_a_life_and_later_after_a_failed_start() -> None:
    """The waits double up to half a minute, and begin anew when one was ready."""
    successions = Successions()
    with socket.socket() as channel:
        lived, failed = Worker(0, 1, channel, ready=True), Worker(0, 2, channel)
        successions.died(lived, now=100)
        assert successions.due(100, running=()) == [0]
        assert successions.due(100, running={0}) == []
        waits = []
        for _ in range(7):
            successions.died(failed, now=0)
            waits.append(next(wait for wait in range(100) if successions.due(wait, running=())))
        assert waits == [1, 2, 4, 8, 16, 30, 30]
        successions.died(lived, now=0)
        successions.failed(0, now=0)
        assert successions.due(0.9, running=()) == []
        assert successions.due(1, running=()) == [0]
        successions.ready(lived)
        assert not successions
