"""Model versions: what a folder's name and a caller's argument say; integers inside, never strings."""

from contextlib import suppress
from operator import index

from runtime_handler.errors import BadModelVersion

LATEST = "latest"

UNVERSIONED = 1
"""The version that an unversioned model answers to (Cortex 0.22, `model_version="1"`)."""

_MOST_DIGITS = 100
"""More than any timestamp has; Python refuses to convert strings of thousands."""


def folder_version(name: str) -> int | None:
    """The version that a folder called `name` holds; None when the name is no integer. `-1` and `007` are integers."""
    return int(name) if _is_integer(name) else None


def requested_version(version: str | int | None) -> int | None:
    """The version that a caller asks for; None means the latest.

    Raises BadModelVersion for anything but an integer, numpy's included, its decimal string, "latest" and None.
    """
    if version is None:
        return None
    if isinstance(version, str):
        if version == LATEST:
            return None
        if _is_integer(version):
            return int(version)
    elif not isinstance(version, bool):
        with suppress(TypeError):
            return index(version)
    raise BadModelVersion(f'model version {version!r} is neither an integer nor "latest"', version=str(version))


def _is_integer(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS
