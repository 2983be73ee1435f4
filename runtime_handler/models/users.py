"""Who uses a folder that processes share: each holds a lock in it, so that one that comes knows whether it is alone."""

import fcntl
import os
from pathlib import Path


class Users:
    """One process as a user of a folder; `lock` is the file that stands for all of them. The kernel sees who died."""

    def __init__(self, lock: Path) -> None:
        self._lock = lock
        self._descriptor: int | None = None

    def enter(self) -> bool:
        """Become a user, anew if need be; whether the only one. Then nobody else is that until `stay`. Raises OSError."""
        self.leave()
        self._descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def stay(self) -> None:
        """Let others in. Waits for one who takes stock."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def leave(self) -> None:
        """Use the folder no more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
