"""Versions that requirements.txt insists on and that cannot be had any more, or clash with what the image installs.

Cortex's images had Python 3.6, so shipped projects pin packages of 2019. Pure functions over the file's text.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

FIRST_WHEEL: Mapping[str, Mapping[str, str]] = {
    "grpcio": {"3.11": "1.49.1", "3.12": "1.59.0", "3.13": "1.66.2"},
    "h5py": {"3.11": "3.8.0", "3.12": "3.10.0", "3.13": "3.12.1"},
    "msgpack": {"3.11": "1.0.5", "3.12": "1.0.6", "3.13": "1.1.0"},
    "numpy": {"3.11": "1.23.2", "3.12": "1.26.0", "3.13": "2.1.0"},
    "onnxruntime": {"3.11": "1.15.0", "3.12": "1.17.0", "3.13": "1.20.0"},
    "pandas": {"3.11": "1.5.0", "3.12": "2.1.1", "3.13": "2.2.3"},
    "pillow": {"3.11": "9.2.0", "3.12": "10.0.0", "3.13": "10.4.0"},
    "pyyaml": {"3.11": "6.0", "3.12": "6.0.1", "3.13": "6.0.2"},
    "scikit-image": {"3.11": "0.20.0", "3.12": "0.22.0", "3.13": "0.25.0"},
    "scikit-learn": {"3.11": "1.1.3", "3.12": "1.3.1", "3.13": "1.5.2"},
    "scipy": {"3.11": "1.9.2", "3.12": "1.11.2", "3.13": "1.14.1"},
    "sentencepiece": {"3.11": "0.1.98", "3.12": "0.2.0", "3.13": "0.2.1"},
    "spacy": {"3.11": "2.3.8", "3.12": "3.7.0", "3.13": "3.8.7"},
    "statsmodels": {"3.11": "0.13.3", "3.12": "0.14.0", "3.13": "0.14.3"},
    "tensorflow": {"3.11": "2.12.0", "3.12": "2.16.1", "3.13": "2.20.0"},
    "tokenizers": {"3.11": "0.13.2", "3.12": "0.14.0", "3.13": "0.15.1"},
    "torch": {"3.11": "1.13.0", "3.12": "2.2.0", "3.13": "2.5.0"},
    "torchvision": {"3.11": "0.15.1", "3.12": "0.17.0", "3.13": "0.21.0"},
}
"""The oldest release of a package with a wheel for Linux on x86_64 and that Python, as resolved from PyPI in November 2026.

Packages that Cortex's images had or its examples pin, and that are compiled; any release of a pure package installs.
"""

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_REQUIREMENT = re.compile(rf"({_NAME})\s*(?:\[[^\]]*\])?\s*\(?((?:(?:===?|~=|!=|<=?|>=?)\s*[^\s,;()#]+\s*,?\s*)+)", re.ASCII)
_WHOLE_NAME = re.compile(rf"{_NAME}(?![^\s\[(=~!<>;,])", re.ASCII)
_BOUND = re.compile(r"(===?|~=|!=|<=?|>=?)\s*([^\s,;()#]+)")
_RELEASE = re.compile(r"v?(\d{1,9}(?:\.\d{1,9})*)")


class Pin(NamedTuple):
    """A requirement with bounds: its line from 1, its name as PyPI normalises it, (operator, version) pairs, and its text."""

    line: int
    name: str
    bounds: tuple[tuple[str, str], ...]
    text: str


def pins(text: str) -> Iterator[Pin]:
    """The requirements of a requirements.txt that bound a version; options, URLs and comments are passed over."""
    for number, written in _lines(text):
        match = _REQUIREMENT.match(written)
        if match is not None:
            bounds = tuple((each[1], each[2]) for each in _BOUND.finditer(match[2]))
            yield Pin(number, _normal(match[1]), bounds, written.partition(";")[0].strip())


def names(text: str) -> Iterator[tuple[int, str]]:
    """(line from 1, name as PyPI normalises it) of each requirement, bound or not; options, URLs and comments are passed over."""
    for number, written in _lines(text):
        match = _WHOLE_NAME.match(written)
        if match is not None:
            yield number, _normal(match[0])


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        written = line.partition(" #")[0].strip()
        if not written.startswith(("#", "-")) and "://" not in written and len(written) <= 1000:
            yield number, written


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def conflicts(text: str, python: str, installed: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[Pin, str]]:
    """The pins that cannot be met, each with a sentence that says why and what to write.

    `python` is like `3.12`; `installed` is what the image has already: package -> its possible versions.
    """
    for pin in pins(text):
        oldest = FIRST_WHEEL.get(pin.name, {}).get(python)
        if oldest is not None and _only_before(pin, oldest):
            yield pin, f"{pin.text} has no wheel for Python {python}; {pin.name}>={oldest} has"
        elif pin.name in installed and not any(_allows(pin, version) for version in installed[pin.name]):
            have = " or ".join(installed[pin.name])
            yield pin, f"{pin.text} conflicts with {pin.name} {have}, which the image has; allow that version, or remove the line"


def _release(version: str) -> tuple[int, ...] | None:
    match = _RELEASE.match(version)
    return tuple(int(part) for part in match[1].split(".")) if match else None


def _compared(left: tuple[int, ...], right: tuple[int, ...]) -> int:
    length = max(len(left), len(right))
    padded = left + (0,) * (length - len(left)), right + (0,) * (length - len(right))
    return (padded[0] > padded[1]) - (padded[0] < padded[1])


def _only_before(pin: Pin, oldest: str) -> bool:
    """Whether every version that the pin allows is older than `oldest`."""
    limit = _release(oldest) or ()
    for operator, version in pin.bounds:
        bound = _release(version)
        if bound is None:
            continue
        if version.endswith(".*"):  # 1.13.* reaches up to, not into, 1.14
            if operator == "==" and _compared((*bound[:-1], bound[-1] + 1), limit) <= 0:
                return True
        elif operator in {"==", "===", "<="}:
            if _compared(bound, limit) < 0:
                return True
        elif operator == "<":
            if _compared(bound, limit) <= 0:
                return True
        elif operator == "~=" and len(bound) > 1 and _compared((*bound[:-2], bound[-2] + 1), limit) <= 0:
            return True
    return False


def _allows(pin: Pin, version: str) -> bool:
    have = _release(version) or ()
    return all(_meets(operator, wanted, have) for operator, wanted in pin.bounds)


def _meets(operator: str, wanted: str, have: tuple[int, ...]) -> bool:
    bound = _release(wanted)
    if bound is None:
        return True  # a spelling that only pip can judge
    if wanted.endswith(".*"):
        same = _compared(have[: len(bound)], bound) == 0
        return same if operator == "==" else not same if operator == "!=" else True
    order = _compared(have, bound)
    if operator == "~=":
        return order >= 0 and _compared(have[: len(bound) - 1], bound[:-1]) == 0
    return {
        "==": order == 0,
        "===": order == 0,
        "!=": order != 0,
        "<": order < 0,
        "<=": order <= 0,
        ">": order > 0,
        ">=": order >= 0,
    }[operator]
