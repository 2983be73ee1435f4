"""Short turns of the interpreter while models are being loaded, so that requests beside the loads wait less for it.

A thread that wants the interpreter asks the one that has it to let go after the switch interval, 5 ms by default: long
beside a prediction that takes a fraction of one. Lower priorities for the loading threads would not do: one that has the
interpreter and gets no CPU keeps everybody waiting. Code that holds the interpreter in one call is not helped.
"""

import sys
import threading
from types import TracebackType

SHORT_S = 0.0005


class Turns:
    """Entered by every load; from the first one's begin to the last one's end, the process's switch interval is short.

    One that is shorter already stays as it is, and so does one that is set meanwhile.
    """

    def __init__(self) -> None:
        self._inside = 0
        self._usual: float | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1 and (usual := sys.getswitchinterval()) > SHORT_S:
                self._usual = usual
                sys.setswitchinterval(SHORT_S)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._usual is not None:
                if abs(sys.getswitchinterval() - SHORT_S) < 1e-6:
                    sys.setswitchinterval(self._usual)
                self._usual = None


SHORT_TURNS = Turns()
"""The one of this process."""
