"""One loaded version in the memory tier's table."""

import math

from runtime_handler.models.model import Model
from runtime_handler.models.recency import next_use


class Resident:
    """A model that counts. `touched` orders uses, `last_access` is Unix seconds, `bytes` what the budget counts.

    `left` is when it was replaced or deleted, Unix seconds.
    """

    __slots__ = ("bytes", "last_access", "left", "model", "touched")

    def __init__(self, model: Model, bytes: int) -> None:
        self.model = model
        self.bytes = bytes
        self.last_access: float | None = None
        self.left = math.inf
        self.touched = next_use()
