"""Which files of installed packages a serving process never opens."""

import re
from collections import Counter
from collections.abc import Iterable

KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    # Inside a package, and the plural only: `django.test` is for users, `numpy.tests` is not.
    ("tests", re.compile(r".+/tests/.*")),
    ("type stubs", re.compile(r".*\.pyi")),
    ("headers and sources", re.compile(r".*\.(h|hpp|hh|c|cc|cpp|cu|cuh|pxd|pyx|pxi|a|f90)")),
    ("bytecode", re.compile(r"(.*/)?__pycache__/.*|.*\.py[co]")),
    # Names of other interpreters' folders, hashes of what is trimmed.
    ("the installer's notes", re.compile(r"bin/.*|[^/]*\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json|uv_.*)|\.lock")),
    # The C interface for other programs; Python's binding carries its own copy of everything.
    ("onnxruntime's C library", re.compile(r"onnxruntime/capi/libonnxruntime\.so.*")),
)
"""What is left out, by what it is called in the line that says how much was saved; paths from the installation's root."""


def kind(path: str) -> str | None:
    """Why a file is left out; None for one that stays."""
    return next((name for name, pattern in KINDS if pattern.fullmatch(path)), None)


def saved(sizes: Iterable[tuple[str, int]]) -> Counter[str]:
    """Bytes by kind, of (path, bytes)."""
    total: Counter[str] = Counter()
    for path, size in sizes:
        why = kind(path)
        if why is not None:
            total[why] += size
    return total
