"""The output folder: contexts and the manifest on disk, all of them or none, unchanged ones untouched.

Everything is staged beside its place first, so that a full disk or an unreadable file leaves the old output as it was;
then whole folders are renamed into place and the manifest, which alone says what counts, is replaced last. Files that
cxpack did not write stay where they are.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import mkdtemp

from packager.context import BuildContext, ContextFile
from packager.manifest import Manifest, ManifestError

MANIFEST = "manifest.json"
EPOCH = 315_532_800
"""1980-01-01, the first moment that a zip file can name: file times must not tell when synth ran."""


class NotOurs(Exception):
    """The output folder holds something that cxpack did not write; nothing is overwritten."""


def write_output(out: Path, manifest: Manifest, contexts: Sequence[BuildContext]) -> dict[str, bool]:
    """Write the contexts and the manifest into `out`; tells of every API whether its context changed.

    Raises NotOurs when a context would overwrite a folder that no manifest of ours names, OSError when the disk refuses.
    """
    before = _previous_apis(out)
    for context in contexts:
        if context.api not in before and (out / context.api).exists():
            raise NotOurs(
                f"{out / context.api} is in the way: cxpack did not write it; move it, or choose another folder with -o"
            )
    changed = {context.api: not _holds(out / context.api, context) for context in contexts}
    text = manifest.dump().encode()
    gone = before - {context.api for context in contexts}
    if not any(changed.values()) and not gone and _read(out / MANIFEST) == text:
        return changed
    out.mkdir(parents=True, exist_ok=True)
    staging = Path(mkdtemp(prefix=".staging-", dir=out))
    try:
        write_contexts(staging, [context for context in contexts if changed[context.api]])
        _write_file(staging / MANIFEST, text)
        for name in sorted(gone | {name for name, differs in changed.items() if differs}):
            if (out / name).exists():
                (out / name).rename(staging / f"old-{name}")
            if name not in gone:
                (staging / name).rename(out / name)
        (staging / MANIFEST).replace(out / MANIFEST)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return changed


def _previous_apis(out: Path) -> set[str]:
    text = _read(out / MANIFEST)
    if text is None:
        return set()
    try:
        return {api.name for api in Manifest.load(text.decode()).apis}
    except (ManifestError, UnicodeDecodeError, KeyError, TypeError):
        raise NotOurs(
            f"{out / MANIFEST} was not written by this version of cxpack; delete {out}, or choose another folder with -o"
        ) from None


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _holds(folder: Path, context: BuildContext) -> bool:
    wanted = {file.path: file for file in context.files}
    return set(_paths(folder)) == set(wanted) and all(
        (folder / path).read_bytes() == file.read() and os.access(folder / path, os.X_OK) == file.executable
        for path, file in wanted.items()
    )


def _paths(folder: Path) -> Iterator[str]:
    for here, folders, names in os.walk(folder):
        # Running a context leaves these behind; they are no part of it, and .dockerignore keeps them out of images.
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from ((Path(here) / name).relative_to(folder).as_posix() for name in names)


def write_contexts(folder: Path, contexts: Sequence[BuildContext]) -> None:
    """Write each context into a folder of its own under `folder`, which has none of them yet.

    Equal files of several APIs are one file on disk: Docker contexts cannot follow symbolic links, hard links they can.
    """
    first: dict[tuple[bytes | Path, bool], Path] = {}
    for context in contexts:
        for file in context.files:
            target = folder / context.api / file.path
            _make_folders(folder, target.parent)
            key = (file.content, file.executable)
            if key in first:
                os.link(first[key], target)
            else:
                first[key] = target
                _copy(file, target)


def _make_folders(root: Path, folder: Path) -> None:
    if folder != root and not folder.exists():
        _make_folders(root, folder.parent)
        folder.mkdir()
        folder.chmod(0o755)  # COPY keeps it, and Lambda runs the image as a user of its own


def _copy(file: ContextFile, target: Path) -> None:
    if isinstance(file.content, bytes):
        _write_file(target, file.content)
        return
    shutil.copyfile(file.content, target)
    target.chmod(0o755 if file.executable else 0o644)
    os.utime(target, (EPOCH, EPOCH))


def _write_file(target: Path, content: bytes) -> None:
    target.write_bytes(content)
    target.chmod(0o644)
    os.utime(target, (EPOCH, EPOCH))
