"""Why a target does not take an API."""

from typing import NamedTuple


class Objection(NamedTuple):
    """One reason, as the end of a sentence. `absolute` when AWS has no such thing, so that no override helps."""

    sentence: str
    absolute: bool = True
