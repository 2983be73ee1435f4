"""The Recorder that writes EMF: values gather until somebody flushes them to a sink."""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable

from runtime_handler.contract import METRICS
from runtime_handler.metrics.emf import Series, dimension_value, emf_lines

Sink = Callable[[str], None]
"""Where metric lines go: takes whole lines, each with its newline."""

MOST_WAITING = 1 << 18
"""Values of a series that wait to be written, more than a process has in the ten seconds between two flushes. Beyond them the
oldest are lost, as with Docker's log drivers: a line has the time of its flush, which is least true of those.
"""
MOST_CLASSES = 100
MOST_SERIES = 1000
"""Names whose series is remembered; more only cost time."""
OTHER_CLASS = "__other__"
"""Class that stands for all beyond the first MOST_CLASSES of a process: every class is a metric that costs money."""


log = logging.getLogger("cxpack")


class EmfRecorder:
    """Gathers values from any thread; `flush` writes and forgets them. Neither raises."""

    def __init__(self, api: str, sink: Sink, clock: Callable[[], float] = time.time) -> None:
        self._api = dimension_value(api)
        self._sink = sink
        self._clock = clock
        self._lock = threading.Lock()
        self._values: dict[Series, deque[float]] = {}
        self._lost = 0
        self._series: dict[tuple[object, ...], Series] = {}
        self._classes: set[str] = set()

    def record(self, metric: str, value: float, **dimensions: str) -> None:
        """See `Recorder.record`."""
        if metric not in METRICS:
            return
        named = (metric, *dimensions.items())
        with self._lock:
            series = self._series.get(named)
            if series is None:
                allowed = sorted((name, self._allowed(name, value)) for name, value in dimensions.items())
                series = (metric, tuple(allowed))
                if len(self._series) < MOST_SERIES:
                    self._series[named] = series
            values = self._values.get(series)
            if values is None:
                values = self._values[series] = deque(maxlen=MOST_WAITING)
            self._lost += len(values) == MOST_WAITING
            values.append(value)

    def withdraw(self, metric: str, **dimensions: str) -> bool:
        """Forget the latest value of a series, for it turned out otherwise; False when none waits to be written."""
        with self._lock:
            series = self._series.get((metric, *dimensions.items()))
            values = self._values.get(series) if series is not None else None
            if not values:
                return False
            values.pop()
            return True

    def forget(self) -> None:
        """Forget what waits to be written: in a forked process it is its parent's, and so may be the lock."""
        self._lock = threading.Lock()
        self._values, self._lost = {}, 0

    def flush(self) -> None:
        """Write everything recorded since the last time."""
        with self._lock:
            values, self._values = self._values, {}
            lost, self._lost = self._lost, 0
        if lost:
            log.warning("%d metric values were lost: standard output took none for too long", lost)
        lines = emf_lines(self._api, values, int(self._clock() * 1000))
        if lines:
            self._sink("\n".join([*lines, ""]))

    def _allowed(self, name: str, value: str) -> str:
        value = dimension_value(value)
        if name == "Class" and value not in self._classes:
            if len(self._classes) >= MOST_CLASSES:
                return OTHER_CLASS
            self._classes.add(value)
        return value


def write_to_stdout(lines: str) -> None:
    """Write to file descriptor 1 past Python's buffer; a closed or full pipe loses metrics, never a request.

    Line by line, for a pipe takes several pieces for one write of many lines, and other processes write into it between them.
    """
    try:
        for line in lines.splitlines(keepends=True):
            data = line.encode()
            while data:
                data = data[os.write(1, data) :]
    except OSError:
        return


def discard(lines: str) -> None:
    """Write nothing."""
