"""A predictor's source as a tree: parsed once, however many checks look at it, and never run."""

import ast
import re
import sys
import warnings
from collections.abc import Mapping
from functools import lru_cache

_NEWER: Mapping[tuple[int, int], str] = {
    (3, 12): r"""
        \A f-string (?!:\ invalid\ syntax)                                       # PEP 701: quotes and backslashes in {}
        | \A unterminated\ string .*\n .* \b (?:[fF][rR]?|[rR][fF]) ["'] .* \{  # ... and lines
        | \n \s* type \s+ \w+ \s* [\[=]                                        # PEP 695: type aliases
        | \n \s* (?: (?:async\s+)? def | class ) \s+ \w+ \s* \[                # ... and parameters
        """,
    (3, 13): r"\n \s* (?: (?:async\s+)? def | class | type ) \s+ \w+ \s* \[ .* =",  # PEP 696: defaults of type parameters
}
"""Version of Python -> what Pythons before it refuse: their message and, below it, the line, where the new syntax was used."""

UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What `parsed` raises for a text that is no Python: null characters and absurd nesting too."""


REMEMBERED = 256
"""Modules of which trees, and what is read off them, are kept: more than one check looks at (`own_modules.MOST`), or each look
would parse them all anew.
"""


@lru_cache(REMEMBERED)
def parsed(source: bytes) -> ast.Module:
    """The tree of a module, for nobody to change. Raises UNPARSABLE."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an invalid escape sequence of the user's is not ours to report
        return ast.parse(source)


def valid_later(error: SyntaxError, python: str) -> bool:
    """Whether what this Python refuses looks like syntax that came after it, and with `python` (`3.12`) at the latest."""
    image = tuple(map(int, python.split(".")))
    text = f"{error.msg}\n{error.text or ''}"
    return any(sys.version_info[:2] < since <= image and re.search(seen, text, re.VERBOSE) for since, seen in _NEWER.items())
