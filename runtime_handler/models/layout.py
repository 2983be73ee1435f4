"""Which files make one complete version of a model, for each predictor type: pure functions over relative paths."""

from collections.abc import Callable, Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The rule of one predictor type.

    `problem` takes the paths of one version, relative to its folder, and returns None when they are a complete
    version, otherwise a sentence that says what is missing or too much.
    """

    name: str
    problem: Callable[[Collection[str]], str | None]
