"""What a scalar of a YAML text means: yaml.v2's rules, the ones that Cortex's files were written for."""

import re

_CORE = "tag:yaml.org,2002:"
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_INTEGER = re.compile(r"[-+]?(?:0x[0-9a-fA-F]+|0o?[0-7]+|0b[01]+|0|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_SPECIAL = {
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}

Scalar = str | int | float | bool | None


class Unresolvable(ValueError):
    """The text does not fit its tag, or the tag means nothing here."""


def resolve(text: str, tag: str | None, *, plain: bool) -> Scalar:
    """The value of a scalar; `plain` means without quotes and without a tag.

    Raises Unresolvable for a tag other than YAML's basic ones and for a text that does not fit its tag.
    """
    if plain:
        return _plain(text)
    if tag is None or tag in {"!", f"{_CORE}str"}:
        return text
    value = _plain(text)
    kinds: dict[str, tuple[type, ...]] = {"null": (type(None),), "bool": (bool,), "int": (int,), "float": (int, float)}
    wanted = kinds.get(tag.removeprefix(_CORE))
    if wanted is None:
        raise Unresolvable(f"the tag {tag} has no meaning here; remove it")
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise Unresolvable(f"{text!r} does not fit its tag {tag}")
    return float(value) if tag == f"{_CORE}float" and isinstance(value, int) else value


def _plain(text: str) -> Scalar:
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text in _SPECIAL:
        return _SPECIAL[text]
    if len(text) > 64:  # nobody writes such a number, and its value may not fit a float
        return text
    bare = text.replace("_", "")
    if _INTEGER.fullmatch(bare):
        value = _integer(bare)
        return value if -(2**63) <= value < 2**64 else float(value)
    return float(bare) if _FLOAT.fullmatch(bare) else text


def _integer(text: str) -> int:
    sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text.removeprefix("+"))
    if len(digits) > 1 and digits[0] == "0" and digits[1] in "01234567":
        return sign * int(digits, 8)  # Go reads a leading zero as octal, so does Cortex
    return sign * int(digits, 0)
