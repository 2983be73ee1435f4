"""Why a target does not take an API."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Objection:
    """One reason, as the end of a sentence. `absolute` when AWS has no such thing, so that no override helps."""

    sentence: str
    absolute: bool = True
