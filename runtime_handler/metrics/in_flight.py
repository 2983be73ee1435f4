"""InFlight: the mean number of requests in flight over ten seconds, which scaling follows; and the flush of all metrics."""

from collections.abc import Callable

from runtime_handler.metrics.recorder import Recorder

SAMPLES = 10
"""One a second, as Cortex took them."""


class InFlightSampler:
    """`tick()` once a second; every tenth records the mean and calls `flush`."""

    def __init__(self, count: Callable[[], int], recorder: Recorder, flush: Callable[[], None]) -> None:
        self._count = count
        self._recorder = recorder
        self._flush = flush
        self._samples: list[int] = []

    def tick(self) -> None:
        """Take one sample."""
        self._samples.append(self._count())
        if len(self._samples) == SAMPLES:
            self._recorder.record("InFlight", sum(self._samples) / SAMPLES)
            self._samples.clear()
            self._flush()
