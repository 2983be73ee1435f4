"""What a predictor counts on that Cortex's containers had and ours have not, packages apart; read off its source.

Pure functions over the module's text, which is never imported; a module that does not parse counts on nothing.
"""

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache

from packager.imported import imports
from packager.parsed import REMEMBERED, UNPARSABLE, parsed

CORTEX_OWN = ("cortex", "cortex_internal")
"""Import names of Cortex's serving code, which its images had beside the user's (0.13-0.25, and from 0.26)."""

ACCESS_KEY = "AWS_ACCESS_KEY_ID"
"""Set in Cortex's containers; its examples (0.16 on) ask S3 anonymously where it is missing."""

_RUNNERS = frozenset({"system", "popen", "Popen", "run", "call", "check_call", "check_output", "getoutput", "getstatusoutput"})
"""Functions of `os` and `subprocess` that run a program."""

_INSTALLS = re.compile(r"\b(pip|conda|apt|spacy)(?:3|-get)?\s+(?:-\S+\s+)*(?:install|download)\b")
_BELONGS: Mapping[str, str] = {
    "pip": "list the package in requirements.txt",
    "conda": "list the package in conda-packages.txt",
    "apt": "move it to dependencies.sh, which runs when the image is built",
    "spacy": "list the wheel of spaCy's model in requirements.txt",
}
"""Program -> where what it installs belongs."""


def imports_of_cortex(source: bytes, own: Collection[str]) -> Iterator[tuple[int, str]]:
    """(line, name) of each import of Cortex's own code outside a `try`; `own` are the project's modules."""
    for each in imports(source):
        if each.name in CORTEX_OWN and each.name not in own and not each.guarded:
            yield each.line, each.name


@lru_cache(REMEMBERED)
def installs(source: bytes) -> tuple[tuple[int, str], ...]:
    """(line, sentence) of each call that installs packages when the predictor runs, such as `subprocess.run("pip install x")`."""
    return tuple(
        (call.lineno, f"{program} cannot install while the API runs, whose file system is read-only; {_BELONGS[program]}")
        for call in _calls(source)
        if (program := _installed_by(call)) is not None
    )


@lru_cache(REMEMBERED)
def mentions(source: bytes, text: str) -> int | None:
    """The first line with the string `text`, such as the name of a variable that is asked for."""
    lines = [node.lineno for node in _nodes(source) if isinstance(node, ast.Constant) and node.value == text]
    return min(lines, default=None)


def _installed_by(call: ast.Call) -> str | None:
    if _dotted(call.func) == "spacy.cli.download":
        return "spacy"
    name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
    if name not in _RUNNERS:
        return None
    inside = (node.value for argument in call.args for node in ast.walk(argument) if isinstance(node, ast.Constant))
    command = " ".join(value for value in inside if isinstance(value, str))
    found = _INSTALLS.search(command)
    return None if found is None else found[1]


def _dotted(node: ast.expr) -> str:
    """The name that is called, such as `os.system`; `ast.unparse` would not end well with a chain of a thousand calls."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _calls(source: bytes) -> Iterator[ast.Call]:
    return (node for node in _nodes(source) if isinstance(node, ast.Call))


@lru_cache(REMEMBERED)
def _nodes(source: bytes) -> tuple[ast.AST, ...]:
    try:
        return tuple(ast.walk(parsed(source)))
    except UNPARSABLE:
        return ()
