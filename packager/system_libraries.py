"""Libraries of the system that Cortex's images had, ours have not, and packages look for when they are imported.

Read off the wheels of November 2026 (the NEEDED entries of their ELF files); others bring along what they need.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from packager.requirement_pins import names


class Needed(NamedTuple):
    """A library, the Debian packages that have it, and another release of the Python package that does without, if any."""

    library: str
    debian: str
    instead: str | None = None


_OPENCV = "libgl1 libglib2.0-0 libxcb1"

NEEDED: Mapping[str, Needed] = {
    "lightgbm": Needed("libgomp.so.1", "libgomp1"),
    "opencv-contrib-python": Needed("libGL.so.1", _OPENCV, "opencv-contrib-python-headless"),
    "opencv-python": Needed("libGL.so.1", _OPENCV, "opencv-python-headless"),
}


def missing(requirements: str, script: str) -> Iterator[tuple[int, str]]:
    """(line, sentence) of each requirement that lacks a library, which dependencies.sh, `script`, does not install."""
    for line, name in names(requirements):
        needed = NEEDED.get(name)
        if needed is None or needed.debian.partition(" ")[0] in script:
            continue
        install = f"apt-get update && apt-get install -y {needed.debian}"
        remedy = f"list {needed.instead} instead, or write" if needed.instead else "write"
        sentence = f"{name} needs {needed.library}, which Cortex's images had and this one has not"
        yield line, f"{sentence}; {remedy} `{install}` in dependencies.sh"
