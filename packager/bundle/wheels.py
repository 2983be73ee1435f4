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
from tempfile import TemporaryDirectory

from packager.bundle.errors import BundleError
from packager.bundle.platform import Platform

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def resolve(files: Mapping[str, bytes], platform: Platform, constraints: str = "") -> str:
    """The pinned requirements, with hashes, that meet requirements.txt of `files` on the platform now.

    `files` are paths and contents as they lie in the project, for `-r` and `--find-links`. Raises BundleError with uv's
    explanation when there is no solution, or none without building from source.
    """
    with TemporaryDirectory() as folder:
        for path, content in files.items():
            target = Path(folder) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        (Path(folder) / ".constraints.txt").write_text(constraints)
        options = ["--constraint", ".constraints.txt", "--generate-hashes", "--no-annotate", "--no-header"]
        return _uv("pip", "compile", "requirements.txt", *options, *_fit(platform), folder=Path(folder))


def install(pinned: str, platform: Platform, target: Path) -> None:
    """Install exactly the pinned requirements into the folder `target`. Raises BundleError."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "requirements.txt").write_text(pinned)
        options = ["--no-deps", "--require-hashes", "--target", str(target.absolute())]
        _uv("pip", "install", "--requirement", "requirements.txt", *options, *_fit(platform), folder=Path(folder))


def pins(text: str) -> dict[str, str]:
    """Name -> version of pinned requirements."""
    return dict(_PIN.findall(text))


def without(text: str, names: set[str]) -> str:
    """Pinned requirements less those of some packages; each with its hashes on the lines below it."""
    blocks = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    return "".join(block for block in blocks if not (match := _PIN.match(block)) or match[1] not in names)


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
