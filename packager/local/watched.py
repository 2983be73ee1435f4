"""Which changes of files restart an API: not those that `cxpack local` makes itself when its lines go into a file."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from watchfiles import Change, DefaultFilter


class Watched(DefaultFilter):
    """watchfiles' own filter (no `.git`, no `__pycache__`, ...), without the files that `descriptors` write to."""

    def __init__(self, descriptors: Sequence[int] = (1, 2)) -> None:
        super().__init__()
        self._outputs = set()
        for descriptor in descriptors:
            with suppress(OSError):  # closed
                self._outputs.add(_identity(os.fstat(descriptor)))

    def __call__(self, change: Change, path: str) -> bool:
        """Whether a change counts."""
        if not super().__call__(change, path):
            return False
        try:
            return _identity(Path(path).stat()) not in self._outputs
        except OSError:  # deleted
            return True


def _identity(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_dev, stat.st_ino
