"""The head of an answer that the user's code made: only what HTTP can carry is sent, or nothing of it would arrive."""

import re
from collections.abc import Iterable

from runtime_handler.request import Headers

LEAST_STATUS, MOST_STATUS = 200, 599
NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
"""RFC 9110, sections 5.1 and 5.5; a line break in a value would begin a header of somebody's choice."""


def check_head(status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Raises ValueError that names what HTTP cannot carry."""
    if not LEAST_STATUS <= status <= MOST_STATUS:
        raise ValueError(f"the status {status} is none of an answer: {LEAST_STATUS} to {MOST_STATUS} are")
    for name, value in headers:
        if not NAME.fullmatch(name) or not VALUE.fullmatch(value):
            raise ValueError(f"HTTP cannot carry the header {name.decode('latin-1')!r}: {value.decode('latin-1')!r}")


def encoded(headers: Iterable[tuple[str, str]]) -> Headers:
    """The headers as bytes, names in lower case. Raises ValueError for what is no text, or not Latin-1."""
    for name, value in (headers := list(headers)):
        if not isinstance(name, str) or not isinstance(value, str):
            raise ValueError(f"a header's name and value are text, not {name!r}: {value!r}")
    try:
        return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    except UnicodeEncodeError as error:
        raise ValueError(f"HTTP cannot carry a header with {error.object!r}: only Latin-1 characters") from None
