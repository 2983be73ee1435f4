"""The process as the user's code expects it: working directory, import path, environment.

As in Cortex: the project's folder is the working directory and importable, `python_path` is importable in its stead;
`env` sets variables, and `.env` is read after it, so `.env` wins. Where the folder is read-only, the working directory is
another with the same files, which is not (`writable`).
"""

import os
import re
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from runtime_handler.contract import PredictorSpec
from runtime_handler.writable import ensure_home, working_folder

LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
REFERENCE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


def enter_project(project: Path, spec: PredictorSpec, environ: MutableMapping[str, str], *, stand_in: Path) -> None:
    """Make this process one that runs in `project`; `environ` is the process's own.

    `stand_in` becomes the working directory where `project` is read-only; what is imported still comes from `project`.
    """
    ensure_home(environ)
    environ.update(spec.env)
    dotenv = project / ".env"
    if dotenv.is_file():
        environ.update(parse_dotenv(dotenv.read_text(encoding="utf-8", errors="replace"), environ))
    importable = (project / (spec.python_path or ".")).resolve()
    sys.path.insert(0, str(importable))
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(importable), environ.get("PYTHONPATH", "")]))
    os.chdir(working_folder(project, stand_in))


def drop_stale_token(before: Mapping[str, str], environ: MutableMapping[str, str]) -> None:
    """A session token is worth nothing beside other keys: Lambda's goes when the project has set keys of its own.

    `before` is the environment as the platform made it; Cortex's containers had no token.
    """
    if environ.get("AWS_ACCESS_KEY_ID") == before.get("AWS_ACCESS_KEY_ID"):
        return
    for name in ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"):
        if environ.get(name) == before.get(name):
            environ.pop(name, None)


def parse_dotenv(text: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that a shell would set when it sources `text`; `$NAME` is looked up in those before it and `environ`.

    Single quotes keep everything, double quotes and no quotes expand; lines that are no assignment are left out.
    """
    variables: dict[str, str] = {}
    for line in text.splitlines():
        if match := LINE.fullmatch(line):
            variables[match[1]] = _value(match[2], {**environ, **variables})
    return variables


def _value(text: str, environ: Mapping[str, str]) -> str:
    value, position = "", 0
    while position < len(text):
        character = text[position]
        if character == "'":
            end = text.find("'", position + 1)
            end = len(text) if end < 0 else end
            value += text[position + 1 : end]
        elif character == '"':
            end = _closing_quote(text, position + 1)
            value += _expand(text[position + 1 : end], environ)
        elif character.isspace() or (character == "#" and not value):
            break
        else:
            end = next((at for at in range(position, len(text)) if text[at] in "'\" \t"), len(text)) - 1
            value += _expand(text[position : end + 1], environ)
        position = end + 1
    return value


def _closing_quote(text: str, start: int) -> int:
    position = start
    while position < len(text) and text[position] != '"':
        position += 2 if text[position] == "\\" else 1
    return min(position, len(text))


def _expand(text: str, environ: Mapping[str, str]) -> str:
    pieces = re.split(r"(\\.)", text)
    return "".join(
        piece[1]
        if piece[:1] == "\\" and len(piece) == 2
        else REFERENCE.sub(lambda match: environ.get(match[1] or match[2], ""), piece)
        for piece in pieces
    )
