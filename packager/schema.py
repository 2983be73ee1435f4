"""The JSON Schema of cortex.yaml, made from the tables that the parser reads, so that editors complete and check it."""

from typing import Any

from packager.grammar import SECTIONS

TITLE = "cortex.yaml as cxpack reads it"


def schema() -> dict[str, Any]:
    """A schema of draft 2020-12 for the whole file, in the current spelling.

    Spellings of other releases, which `check` accepts with a note, are left out: an editor should not suggest them.
    Rules between keys are left out as well.
    """
    kinds = list(SECTIONS)
    first, rest = kinds[0], kinds[1:]
    choice: dict[str, Any] = {"$ref": f"#/$defs/{first}"}
    for kind in reversed(rest):
        condition = {"properties": {"kind": {"const": kind}}, "required": ["kind"]}
        choice = {"if": condition, "then": {"$ref": f"#/$defs/{kind}"}, "else": choice}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        "type": "array",
        "minItems": 1,
        "items": choice,
        "$defs": {kind: SECTIONS[kind].schema() for kind in kinds},
    }
