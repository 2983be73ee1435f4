"""Packages for another machine, by uv: resolved and installed from wheels only, never built.

uv reads its own configuration (indexes, credentials, certificates), and the options in a requirements.txt
(`--extra-index-url`, `--find-links ./wheels`); none of it gets into what is installed.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from posixpath import dirname, join, normpath
from tempfile import TemporaryDirectory

from packager.bundle.errors import BundleError
from packager.bundle.platform import Platform
from packager.dependencies import names_of_files

_PIN = re.compile(r"([A-Za-z0-9._-]+)==(\S+)")
_DIRECT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])? @ ")
_WHEEL = re.compile(r"(?:\S*/)?([A-Za-z0-9._]+)-[^/\s]*\.whl")
_SOURCE = re.compile(r"(--index-url|-i|--extra-index-url|--find-links|-f|--trusted-host|--no-index)(?:$|[\s=]\s*(.*))")


def resolve(files: Mapping[str, bytes], platform: Platform, constraints: str = "") -> str:
    """The pinned requirements, with hashes, that meet requirements.txt of `files` on the platform now.

    `files` are paths and contents as they lie in the project, for `-r` and `--find-links`. Raises BundleError with uv's
    explanation when there is no solution, or none without building from source.
    """
    with TemporaryDirectory() as folder:
        _write(files, Path(folder))
        (Path(folder) / ".constraints.txt").write_text(constraints)
        options = ["--constraint", ".constraints.txt", "--generate-hashes", "--no-annotate", "--no-header"]
        return _uv("pip", "compile", "requirements.txt", *options, *_fit(platform), folder=Path(folder))


def install(pinned: str, platform: Platform, target: Path, files: Mapping[str, bytes]) -> None:
    """Install exactly the pinned requirements into the folder `target`. Raises BundleError.

    `files` are those that were resolved: they say where packages come from, and some may be the packages themselves.
    """
    with TemporaryDirectory() as folder:
        _write(files, Path(folder))
        (Path(folder) / ".pinned.txt").write_text("\n".join([*sources(files), pinned]))
        options = ["--no-deps", "--require-hashes", "--target", str(target.absolute())]
        _uv("pip", "install", "--requirement", ".pinned.txt", *options, *_fit(platform), folder=Path(folder))


def sources(files: Mapping[str, bytes]) -> list[str]:
    """The lines of requirements.txt, and of what it includes, that say where packages come from.

    Where they name a folder of the project, it is relative to the project. They are no part of a resolution, but whoever
    installs it needs them.
    """
    found: list[str] = []
    waiting, seen = ["requirements.txt"], set[str]()
    while waiting:
        file = waiting.pop()
        seen.add(file)
        text = files.get(file, b"").decode("utf-8", "replace")
        options = filter(None, (_SOURCE.match(line.partition(" #")[0].strip()) for line in text.splitlines()))
        found += [" ".join(filter(None, [option[1], _seen_from_the_root(option[2] or "", file)])) for option in options]
        waiting += [seen_from[0] for _, read_on, seen_from in names_of_files(text, file) if read_on and seen_from[0] not in seen]
    return list(dict.fromkeys(found))


def requirements(pinned: str) -> dict[str, str]:
    """Package -> its part of a resolution, with the hashes on the lines below it; names as PyPI normalises them.

    Beside `name==version` there are wheels by path or URL.
    """
    parts = re.split(r"^(?=[^\s#-])", pinned, flags=re.MULTILINE)
    return {_package(part): part for part in parts if part[:1] not in {"", "#", "-", "\n"}}


def pins(pinned: str) -> dict[str, str]:
    """Name -> version of the requirements that are pinned to a version of an index."""
    return {name: match[2] for name, part in requirements(pinned).items() if (match := _PIN.match(part))}


def _package(part: str) -> str:
    match = _PIN.match(part) or _DIRECT.match(part) or _WHEEL.match(part)
    return re.sub(r"[-_.]+", "-", match[1] if match else part.split()[0]).lower()


def _seen_from_the_root(place: str, file: str) -> str:
    return f"./{normpath(join(dirname(file), place))}" if place.startswith(("./", "../")) else place


def _write(files: Mapping[str, bytes], folder: Path) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def _fit(platform: Platform) -> list[str]:
    return ["--python-platform", platform.tag, "--python-version", platform.python, "--only-binary", ":all:", "--quiet"]


def _uv(*arguments: str, folder: Path) -> str:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        raise BundleError("`deploy.package: zip` needs uv, which resolves and installs wheels: pip install uv")
    done = subprocess.run([uv, *arguments], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    if done.returncode:
        raise BundleError(_explanation(done.stderr))
    return done.stdout


def _explanation(stderr: str) -> str:
    """The tool's own words without its colours and drawing, as one paragraph."""
    plain = re.sub(r"\x1b\[[0-9;]*m|[×╰─▶]", "", stderr)
    return " ".join(plain.split()) or "uv failed without a word"
