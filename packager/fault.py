"""A violation that a rule or check found, before it is known where in the user's file it stands."""

from typing import NamedTuple

from packager.problem import Severity


class Fault(NamedTuple):
    """What is wrong at the canonical path `at` of an API (`predictor.models.cache_size`).

    `needs` names further keys that the finding relied on: where one of them is reported as wrong already, this is not
    reported again. `file` and `line` are those of a file of the project that the finding is in; None: cortex.yaml.
    """

    at: str
    code: str
    message: str
    needs: tuple[str, ...] = ()
    severity: Severity = "error"
    file: str | None = None
    line: int | None = None
