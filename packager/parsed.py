"""A predictor's source as a tree: parsed once, however many checks look at it, and never run."""

import ast
import warnings
from functools import lru_cache

UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What `parsed` raises for a text that is no Python: null characters and absurd nesting too."""


@lru_cache(maxsize=64)
def parsed(source: bytes) -> ast.Module:
    """The tree of a module, for nobody to change. Raises UNPARSABLE."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an invalid escape sequence of the user's is not ours to report
        return ast.parse(source)
