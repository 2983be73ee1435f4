"""Log lines on standard error: JSON where machines read them, plain text on a terminal. Standard output is the metrics'."""

import io
import json
import logging
import sys
import time
from collections.abc import Callable
from typing import Literal

from runtime_handler.contract import LogLevel

LogFormat = Literal["json", "text"]

FIELDS = ("request_id", "model", "version", "duration_ms", "status")
"""What a record may carry beside its message, through `extra`."""


def configure(level: LogLevel, log_format: LogFormat, api: str) -> None:
    """Send every log record of this process, the user's included, to standard error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A user's half line must not run into a metric line; PYTHONUNBUFFERED would have print write line and newline apart.
        sys.stdout.reconfigure(line_buffering=True, write_through=False)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(FORMATS[log_format], api))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("mangum", "uvicorn", "asyncio", "botocore", "urllib3"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(capture=True)


class _Formatter(logging.Formatter):
    def __init__(self, render: Callable[[logging.LogRecord, str, str, str], str], api: str) -> None:
        super().__init__()
        self._render = render
        self._api = api

    def format(self, record: logging.LogRecord) -> str:
        """One record: its message, and the traceback of a user's code or of a logged exception, and the stack it asks for."""
        traceback = getattr(record, "traceback", "") or (self.formatException(record.exc_info) if record.exc_info else "")
        frames = [str(traceback).rstrip(), (record.stack_info or "").rstrip()]
        return self._render(record, record.getMessage(), "\n".join(filter(None, frames)), self._api)


def _json(record: logging.LogRecord, message: str, traceback: str, api: str) -> str:
    milliseconds = int(record.msecs)
    line: dict[str, object] = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{milliseconds:03d}Z",
        "level": record.levelname.lower(),
        "api": api,
        "logger": record.name,
        "message": message,
    }
    line.update({field: _plain(getattr(record, field)) for field in FIELDS if hasattr(record, field)})
    if traceback:
        line["traceback"] = traceback
    return json.dumps(line, default=str, ensure_ascii=False)


def _plain(value: object) -> object:
    """What JSON can always write: the user's code may call a field of its own like one of ours."""
    return value if isinstance(value, str | int | float | None) else str(value)


def _text(record: logging.LogRecord, message: str, traceback: str, api: str) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(record.created))
    fields = "".join(f" {field}={getattr(record, field)}" for field in FIELDS if hasattr(record, field))
    first = f"{clock} {api} {record.levelname.lower()}: {message}{fields}"
    return f"{first}\n{traceback}" if traceback else first


FORMATS: dict[LogFormat, Callable[[logging.LogRecord, str, str, str], str]] = {"json": _json, "text": _text}
"""How a record is written, for each value of CXPACK_LOG_FORMAT."""
