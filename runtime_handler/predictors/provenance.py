"""Whose fault a bad model input is: the caller's when what was given to the model came out of the payload.

A predictor may compute its input, so there is no certain answer. The rule: the caller is at fault when the input, or
the container that lacks a key, is the payload or a part of it, or when all its numbers and strings occur in the payload.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

MOST = 100_000
"""Leaves that are looked at; beyond, the ones seen decide."""


def comes_from(given: Any, payload: Any, *, whole: bool) -> bool:
    """Whether `given` came out of `payload`; `whole` asks for the container itself, not only for its leaves."""
    if any(given is part for part in islice(_parts(payload), MOST)):
        return True
    if whole:
        return False
    leaves = list(islice(_leaves(given), MOST))
    known = set(islice(_leaves(payload), MOST))
    return bool(leaves) and all(leaf in known for leaf in leaves)


def _parts(value: Any) -> Iterator[Any]:
    """The value and everything in it; no recursion, for a payload may be as deep as its sender likes."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        yield part
        waiting += _children(part)


def _leaves(value: Any) -> Iterator[Any]:
    for part in _parts(value):
        if isinstance(part, str | int | float | bytes):
            yield _canonical(part)


def _canonical(leaf: Any) -> Any:
    """Numbers as single precision holds them: what went through a float32 array is still the same number."""
    if isinstance(leaf, int | float):
        with suppress(OverflowError):
            return struct.unpack("f", struct.pack("f", leaf))[0]
    return leaf


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple):
        return value
    tolist = getattr(value, "tolist", None)  # numpy's arrays and scalars
    return () if tolist is None else [tolist()]
