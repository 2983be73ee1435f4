"""Which files make one complete version of a model, for each predictor type: pure functions over relative paths.

The rules are those of Cortex 0.22's page "Models", read per version: one bad version, or a stray file beside the version
folders, never hides a good version. TensorFlow's shards carry their number in their names, so a half-uploaded SavedModel
is told from a whole one by its listing alone.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from runtime_handler.models.version import UNVERSIONED, folder_version

BOOKKEEPING = ".cxpack/"
"""The folder beside models where cxpack keeps desired state; no part of any model."""

_SHARD = r"variables/variables\.data-([0-9]{5})-of-([0-9]{5})"
_UNWRITABLE = r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]"
"""Patterns; compiled when they are first needed, which takes a Lambda function a millisecond."""

_LONGEST = 1024
_DEEPEST = 100
"""Bytes of a path, as in S3, and folders in it, which the standard library removes by recursion."""


class Layout(NamedTuple):
    """The rule of one predictor type.

    `problem` takes the paths of one version, relative to its folder, and returns None when they are a complete
    version, otherwise a sentence that says what is missing or too much. `expected` is the tree of one version as lines
    for an error message; `open` is true when any file may lie anywhere, so that a file beside version folders makes
    the whole folder one unversioned model.
    """

    name: str
    problem: Callable[[Collection[str]], str | None]
    expected: tuple[str, ...] = ()
    open: bool = False

    def tree(self, root: str) -> str:
        """What a model path may hold, both ways, as the text of an error message."""
        folder = root.rstrip("/") + "/"
        plain = [folder, *(f"    {line}" for line in self.expected)]
        versioned = [folder, "    1523423423/  (version number)", *(f"        {line}" for line in self.expected)]
        return "\n".join([*plain, "or", *versioned])


class FoundVersion(NamedTuple):
    """One version: its folder below the model path (empty, or ending in a slash), its files relative to that folder."""

    folder: str
    paths: tuple[str, ...]
    problem: str | None


class FoundModel(NamedTuple):
    """What lies below one model path: versions, whole or not, and `stray` files that belong to none of them."""

    versions: Mapping[int, FoundVersion]
    versioned: bool
    stray: tuple[str, ...] = ()


def read_model(paths: Iterable[str], layout: Layout, *, was_versioned: bool = False) -> FoundModel:
    """Sort the object paths below a model path into versions.

    `was_versioned` says how the same model was read before: a file that appears beside the version folders of a model
    that is being served does not turn those folders into one unversioned model.
    """
    kept = sorted({path for path in paths if not path.endswith("/") and not path.startswith(BOOKKEEPING)})
    folders: dict[str, list[str]] = {}
    stray = []
    for path in kept:
        top, slash, rest = path.partition("/")
        if slash and folder_version(top) is not None:
            folders.setdefault(top, []).append(rest)
        else:
            stray.append(path)
    if not kept:
        return FoundModel(versions={}, versioned=False)
    if not folders or (stray and not (layout.open and was_versioned) and layout.problem(kept) is None):
        whole = FoundVersion(folder="", paths=tuple(kept), problem=_problem(kept, layout))
        return FoundModel(versions={UNVERSIONED: whole}, versioned=False)
    versions: dict[int, FoundVersion] = {}
    for top in sorted(folders, key=_canonical_first):
        version = int(top)
        if version in versions:
            stray.extend(f"{top}/{path}" for path in folders[top])
        else:
            versions[version] = FoundVersion(folder=f"{top}/", paths=tuple(folders[top]), problem=_problem(folders[top], layout))
    return FoundModel(versions=versions, versioned=True, stray=tuple(stray))


def read_models(paths: Iterable[str], layout: Layout) -> tuple[Mapping[str, FoundModel], tuple[str, ...]]:
    """Sort the object paths below a `models.dir` into models by their first folder; files directly in it are stray."""
    models: dict[str, list[str]] = {}
    stray = []
    for path in paths:
        name, slash, rest = path.partition("/")
        if not slash:
            stray.append(path)
        elif f"{name}/" != BOOKKEEPING:
            models.setdefault(name, []).append(rest)
    return {name: read_model(found, layout) for name, found in sorted(models.items())}, tuple(sorted(stray))


def unusable(path: str) -> str | None:
    """Why an object of that name cannot be written below a folder of ours; None when it can."""
    if ("\\" in path or not path.isprintable()) and re.search(_UNWRITABLE, path):
        return f"the name {_short(path)} holds a backslash, a control character or bytes that are no UTF-8"
    if len(path.encode()) > _LONGEST:
        return f"the name {_short(path)} is longer than {_LONGEST} bytes"
    if path.count("/") > _DEEPEST:
        return f"the name {_short(path)} is in more than {_DEEPEST} folders"
    for segment in path.split("/"):
        if segment in {"", ".", ".."}:
            return f"the name {_short(path)} holds an empty, `.` or `..` folder"
        if len(segment.encode()) > 255:
            return f"the name {_short(path)} holds a part of more than 255 bytes"
    return None


def _short(path: str) -> str:
    return repr(path) if len(path) <= 80 else f"{path[:40]!r}..."


def _canonical_first(folder: str) -> tuple[int, bool, str]:
    return int(folder), folder != str(int(folder)), folder


def _problem(paths: Collection[str], layout: Layout) -> str | None:
    for path in paths:
        if (reason := unusable(path)) is not None:
            return reason
    return _collision(paths) or layout.problem(paths)


def _collision(paths: Collection[str]) -> str | None:
    folders = {path[:index] for path in paths for index, character in enumerate(path) if character == "/"}
    for path in paths:
        if path in folders:
            return f"{path} is both a file and a folder"
    folded: dict[str, str] = {}
    for path in paths:
        if (other := folded.setdefault(path.casefold(), path)) != path:
            return f"{other} and {path} differ in case alone"
    return None


def _python(paths: Collection[str]) -> str | None:
    return None if paths else "there are no files"


def _onnx(paths: Collection[str]) -> str | None:
    models = [path for path in paths if path.endswith(".onnx") and "/" not in path]
    if not models:
        return "there is no *.onnx file"
    if len(paths) > 1:
        extra = sorted(set(paths) - {min(models)})[0]
        return f"there must be one *.onnx file and nothing else, and there is also {extra}"
    return None


def _tensorflow(paths: Collection[str]) -> str | None:
    for needed in ("saved_model.pb", "variables/variables.index"):
        if needed not in paths:
            return f"{needed} is missing"
    shards: dict[int, set[int]] = {}
    for path in paths:
        if match := re.fullmatch(_SHARD, path):
            shards.setdefault(int(match[2]), set()).add(int(match[1]))
    if not shards:
        return "variables/variables.data-00000-of-00001 is missing"
    for total, found in sorted(shards.items()):
        for number in range(total):
            if number not in found:
                return f"variables/variables.data-{number:05}-of-{total:05} is missing"
    return None


def _neuron(paths: Collection[str]) -> str | None:
    return None if "saved_model.pb" in paths else "saved_model.pb is missing"


PYTHON = Layout(name="python", problem=_python, expected=("* (any files)",), open=True)
ONNX = Layout(name="onnx", problem=_onnx, expected=("*.onnx  (exactly one file)",))
TENSORFLOW = Layout(
    name="tensorflow",
    problem=_tensorflow,
    expected=(
        "saved_model.pb",
        "variables/",
        "    variables.index",
        "    variables.data-00000-of-00003",
        "    variables.data-00001-of-00003",
        "    variables.data-00002-of-...",
    ),
)
NEURON = Layout(name="tensorflow on Inferentia", problem=_neuron, expected=("saved_model.pb",))
