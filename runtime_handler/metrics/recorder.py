"""Where the runtime's parts report a metric value; who writes it out, and when, is the recorder's business."""

from typing import Protocol


class Recorder(Protocol):
    """Takes values of the metrics in `contract.METRICS`, from any thread, and never raises."""

    def record(self, metric: str, value: float, **dimensions: str) -> None:
        """One raw value; `dimensions` are those beside APIName, such as `Code="2XX"`."""


class NullRecorder:
    """Drops everything: for tests, and where metrics are switched off."""

    def record(self, metric: str, value: float, **dimensions: str) -> None:
        """Forget the value."""
