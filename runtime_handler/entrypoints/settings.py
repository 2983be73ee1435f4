"""Everything that the runtime reads from its environment, read once."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from runtime_handler.contract import METRICS_NAME
from runtime_handler.errors import StartError
from runtime_handler.logs import FORMATS, LogFormat

MOST_PORT = 65_535


class Settings(NamedTuple):
    """Where things are and how often they are looked at; times in seconds."""

    api_json: Path
    host: str
    port: int
    log_format: LogFormat
    model_store: Path
    sagemaker_model: Path
    multi_model: bool
    poll_s: float
    settle_s: float
    upload_marker: str | None = None
    """The file that ends an upload of a model version, such as `_SUCCESS`; None: a version that stood still is complete."""
    metrics_name: str | None = None
    """The metrics' APIName, where the API's own name would be another's too: see METRICS_NAME of the contract."""


def read_settings(environ: Mapping[str, str] = os.environ, *, terminal: bool = False) -> Settings:
    """The settings of an environment; `terminal` chooses the log format that it leaves open.

    Raises StartError that names every variable whose value cannot be used.
    """
    problems: list[str] = []

    def number(name: str, default: str, most: float = math.inf) -> float:
        try:
            value = float(environ.get(name) or default)
        except ValueError:
            value = -1
        if not 0 <= value <= most:
            least_and_most = f"a number from 0 to {most:g}" if most < math.inf else "a number"
            problems.append(f"{name} must be {least_and_most}, not {environ[name]!r}")
            return float(default)
        return value

    log_format: LogFormat = "text" if terminal else "json"
    given = environ.get("CXPACK_LOG_FORMAT")
    if given:
        for known in FORMATS:
            if known == given:
                log_format = known
                break
        else:
            problems.append(f"CXPACK_LOG_FORMAT must be one of {', '.join(FORMATS)}, not {given!r}")
    port = "SAGEMAKER_BIND_TO_PORT" if environ.get("SAGEMAKER_BIND_TO_PORT") else "PORT"
    settings = Settings(
        api_json=Path(environ.get("CXPACK_API") or "api.json").resolve(),
        host=environ.get("CXPACK_HOST") or "0.0.0.0",
        port=int(number(port, "8080", MOST_PORT)),
        log_format=log_format,
        model_store=Path(environ.get("CXPACK_MODEL_STORE") or "/tmp/cxpack/models"),
        # SageMaker's own name for it, for containers run elsewhere.
        sagemaker_model=Path(environ.get("SM_MODEL_DIR") or "/opt/ml/model"),
        multi_model=environ.get("SAGEMAKER_MULTI_MODEL", "").lower() == "true",
        poll_s=number("CXPACK_POLL_SECONDS", "10"),
        settle_s=number("CXPACK_SETTLE_SECONDS", "5"),
        upload_marker=environ.get("CXPACK_UPLOAD_MARKER") or None,
        metrics_name=environ.get(METRICS_NAME) or None,
    )
    if problems:
        raise StartError("; ".join(problems))
    return settings
