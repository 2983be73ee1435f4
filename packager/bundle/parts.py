"""The zip files that a function is made of, each made once: they are kept in a cache under a digest of what went in.

A part is a tree of files that are trimmed, checked against the machine they are for, compiled and archived.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from packager.bundle.archive import paths, write_archive
from packager.bundle.bytecode import compile_tree, find_python
from packager.bundle.elf import MAGIC, read_library
from packager.bundle.errors import BundleError
from packager.bundle.platform import Platform
from packager.bundle.trim import kind, saved
from packager.bundle.wheels import install, requirements, resolve
from packager.context import ContextFile

RECIPE = 1
"""Raised when a part made from the same input would have other bytes: older ones are then not found again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A zip file. `size` is its unzipped bytes, `packages` those of each package, `saved` what was left out, by kind."""

    file: Path
    size: int
    packages: Mapping[str, int]
    saved: Mapping[str, int]
    compiled: bool


def describe(part: Part) -> str:
    """What a layer weighs, what was left out of it, and whether its modules are compiled."""
    left_out = ", ".join(f"{kind} {size / 1e6:.1f} MB" for kind, size in sorted(part.saved.items(), key=lambda item: -item[1]))
    compiled = "compiled" if part.compiled else "not compiled, for no Python of that version was found here"
    return f"{part.size / 1e6:.0f} MB unzipped, {compiled}; left out: {left_out or 'nothing'}"


def cache_folder() -> Path:
    """Where parts are kept: `cxpack` in the user's cache folder. It may be deleted at any time."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cxpack" / "zips"


def packages_part(
    pinned: str, platform: Platform, cache: Path, say: Callable[[str], None], files: Mapping[str, bytes] = MappingProxyType({})
) -> Part:
    """A layer with the pinned packages; `say` hears of it when it has to be made. Raises BundleError.

    `files` are those that were resolved. Hashes in `pinned` fix what is installed, wherever it comes from.
    """

    def fill(tree: Path) -> None:
        install(pinned, platform, tree, files)

    def make(python: Path | None) -> Part:
        say(f"making a layer of {len(requirements(pinned))} packages for Python {platform.python} on {platform.architecture}")
        part = _make(stem, fill, platform, python, place="/opt/python", prefix="python/")
        say(describe(part))
        return part

    stem = cache / f"packages-{_digest(platform, pinned)}"
    return _part(stem, platform, make)


def code_part(files: Mapping[str, ContextFile], digest: str, platform: Platform, cache: Path) -> Part:
    """The function's own files, by their path in /var/task; `digest` is one of all of them. Raises BundleError."""

    def fill(tree: Path) -> None:
        for path, file in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(file.read())
            (tree / path).chmod(0o755 if file.executable else 0o644)

    stem = cache / f"code-{_digest(platform, digest)}"
    return _part(stem, platform, lambda python: _make(stem, fill, platform, python, place="/var/task", trim=False))


def resolution(files: Mapping[str, bytes], platform: Platform, constraints: str, cache: Path) -> str:
    """`resolve`, asked once: the same files give the same packages until the cache is deleted. Raises BundleError."""
    contents = sorted((path, sha256(content).hexdigest()) for path, content in files.items())
    file = cache / f"resolution-{_digest(platform, json.dumps([contents, constraints]))}.txt"
    try:
        return file.read_text()
    except FileNotFoundError:
        resolved = resolve(files, platform, constraints)
        _replace(file, resolved)
        return resolved


def _digest(platform: Platform, text: str) -> str:
    facts = json.dumps([RECIPE, platform.tag, platform.python, text])
    return sha256(facts.encode()).hexdigest()[:32]


def _part(stem: Path, platform: Platform, make: Callable[[Path | None], Part]) -> Part:
    part = _cached(stem)
    if part is not None and part.compiled:
        return part
    interpreter = find_python(platform.python)
    return make(interpreter) if part is None or interpreter is not None else part


def _replace(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    making = file.with_suffix(f".{os.getpid()}")
    making.write_text(text)
    making.replace(file)


def _cached(stem: Path) -> Part | None:
    try:
        facts = json.loads(stem.with_suffix(".json").read_text())
        return Part(**{**facts, "file": stem.with_suffix(".zip")}) if stem.with_suffix(".zip").is_file() else None
    except (OSError, ValueError, TypeError):  # half a cache is none
        return None


def _make(
    stem: Path,
    fill: Callable[[Path], None],
    platform: Platform,
    interpreter: Path | None,
    *,
    place: str,
    prefix: str = "",
    trim: bool = True,
) -> Part:
    stem.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=stem.parent, prefix=".tree-") as folder:
        tree = Path(folder)
        fill(tree)
        left_out = saved((path, (tree / path).stat().st_size) for path in paths(tree)) if trim else Counter[str]()
        for path in [path for path in paths(tree) if trim and kind(path) is not None]:
            (tree / path).unlink()
        check_libraries(tree, platform)
        packages = sizes_of_packages(tree)
        if interpreter is not None:
            compile_tree(interpreter, tree, place)
        size = write_archive(stem.with_suffix(".zip"), tree, prefix)
    part = Part(
        file=stem.with_suffix(".zip"), size=size, packages=packages, saved=dict(left_out), compiled=interpreter is not None
    )
    facts = {name: value for name, value in asdict(part).items() if name != "file"}
    _replace(stem.with_suffix(".json"), json.dumps(facts, sort_keys=True))  # last: it says that the zip beside it is whole
    return part


def check_libraries(tree: Path, platform: Platform) -> None:
    """Raises BundleError naming every shared library that the platform cannot load."""
    wrong = []
    for path in sorted(paths(tree)):
        with (tree / path).open("rb") as file:
            library = read_library(file.read()) if file.read(4) == MAGIC and not file.seek(0) else None
        if library is None:
            continue
        if library.machine != platform.architecture:
            wrong.append(f"{path} is built for {library.machine}, not {platform.architecture}")
        elif library.glibc and library.glibc > platform.glibc:
            needs, has = (".".join(map(str, version)) for version in (library.glibc, platform.glibc))
            wrong.append(f"{path} needs glibc {needs}, Lambda has {has}")
    if wrong:
        raise BundleError("; ".join(wrong) + "; use other wheels, or `deploy.package: image`")


def sizes_of_packages(tree: Path) -> dict[str, int]:
    """Bytes by package, the largest first; a package's libraries and metadata count as its own."""
    sizes: Counter[str] = Counter()
    for path in paths(tree):
        top = path.partition("/")[0]
        sizes[top.removesuffix(".py").partition(".")[0].partition("-")[0]] += (tree / path).stat().st_size
    return dict(sizes.most_common())
