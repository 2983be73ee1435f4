"""When a dead worker's successor starts."""

import socket

from runtime_handler.entrypoints.worker import Successions, Worker


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
