"""Modules compiled before they are shipped: Lambda's file system is read-only, so that none could be kept after a start."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SHOW_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def find_python(version: str) -> Path | None:
    """An interpreter of that version like `3.12` on this machine: ours, one on the path, pyenv's or uv's."""
    return next((candidate for candidate in _candidates(version) if _version(candidate) == version), None)


def _candidates(version: str) -> Iterator[Path]:
    yield Path(sys.executable)
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        yield Path(folder) / f"python{version}"
    managed = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield from sorted(managed.glob(f"{version}.*/bin/python{version}"))
    managed = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "uv" / "python"
    yield from sorted(managed.glob(f"cpython-{version}.*/bin/python{version}"))


def _version(interpreter: Path) -> str | None:
    if not os.access(interpreter, os.X_OK):
        return None
    # A shim of a version manager may be there and yet refuse.
    done = subprocess.run([str(interpreter), "-I", "-c", SHOW_VERSION], capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    return done.stdout.strip() if done.returncode == 0 else None


def compile_tree(interpreter: Path, tree: Path, place: str) -> None:
    """Put a .pyc beside each module of `tree`, which will be at `place` when it runs.

    Unchecked (PEP 552): nothing compares them with their source, so that file times do not matter. The same source gives
    the same bytes whatever folder it is compiled in. A file that does not compile keeps its source alone.
    """
    options = ["-q", "-f", "-j", "0", "--invalidation-mode", "unchecked-hash", "-s", str(tree), "-p", place]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONWARNINGS": "ignore"}
    command = [str(interpreter), "-I", "-m", "compileall", *options, str(tree)]
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)  # noqa: S603 - no shell
