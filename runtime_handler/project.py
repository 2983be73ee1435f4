"""The process as the user's code expects it: working directory, import path, environment.

As in Cortex: the project's folder is the working directory and importable, `python_path` is importable in its stead;
`env` sets variables, and `.env` is read after it, so `.env` wins. Where the folder is read-only, the working directory is
another with the same files, which is not (`writable`).
"""

import os
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from runtime_handler.contract import PredictorSpec
from runtime_handler.writable import ensure_home, working_folder


def enter_project(project: Path, spec: PredictorSpec, environ: MutableMapping[str, str], *, stand_in: Path) -> None:
    """Make this process one that runs in `project`; `environ` is the process's own.

    `stand_in` becomes the working directory where `project` is read-only; what is imported still comes from `project`.
    """
    ensure_home(environ)
    environ.update(spec.env)
    dotenv = project / ".env"
    if dotenv.is_file():
        from runtime_handler.dotenv import parse_dotenv  # here, for most projects have none

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
