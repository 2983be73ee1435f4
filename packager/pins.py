"""Which version of a model "latest" means: written beside the models, where every replica finds it at its next scan.

`runtime_handler.models.pins` says what the file holds. A change of it is conditional, so that of two people who pin at
the same moment one is told to look again, and nobody's pin is lost.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp
from typing import Protocol

from packager.context import local_path
from packager.deployed.session import client
from packager.spec import ApiSpec
from runtime_handler.models.pins import PINS, dump_pins, parse_pins


class CannotPin(Exception):
    """The pin would not mean anything, or cannot be written; the message says why."""


class ModelRoot(Protocol):
    """A folder of models that pins can be written into."""

    def read(self) -> tuple[Mapping[str, int], str | None]:
        """The pins, and a token of their state (None: there is no file yet)."""

    def write(self, pins: Mapping[str, int], state: str | None) -> None:
        """Replace the pins that had that state. Raises CannotPin when they have another by now."""

    def paths(self, folder: str) -> list[str]:
        """The paths of the files below the folder (empty, or ending in a slash), relative to it."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """Where one model's pin stands: its root, its name there, and the folder of its versions below the root."""

    root: ModelRoot
    name: str
    folder: str
    place: str


def find(api: ApiSpec, model: str, project: Path) -> Pinned:
    """Where the pin of the API's model stands; the one model of `model_path` has any name, as for the clients.

    Raises CannotPin when the API has no such model.
    """
    models = None if api.serve is None else api.serve.predictor.models
    if models is None:
        raise CannotPin(f"{api.name} has no models of its own: no model_path and no models")
    if models.dir is not None:
        return Pinned(_root(models.dir, project), model, f"{model}/", models.dir)
    for path in models.paths:
        if models.single or path.name == model:
            if path.path.endswith(".onnx"):
                raise CannotPin(f"{path.path} is one file and has no versions to choose from")
            return Pinned(_root(path.path, project), path.name, "", path.path)
    names = ", ".join(path.name for path in models.paths)
    raise CannotPin(f"{api.name} has no model {model}; it has: {names}")


def pin(where: Pinned, version: int) -> None:
    """Let "latest" mean `version`. Raises CannotPin when there is no such version, AwsError."""
    found = sorted(versions(where))
    if version not in found:
        there = ", ".join(map(str, found)) or "none"
        raise CannotPin(f"{where.place} has no version {version} of the model; it has: {there}")
    pins, state = where.root.read()
    where.root.write({**pins, where.name: version}, state)


def unpin(where: Pinned) -> bool:
    """Let "latest" mean the highest version again; False when nothing was pinned. Raises CannotPin, AwsError."""
    pins, state = where.root.read()
    if where.name not in pins:
        return False
    where.root.write({name: version for name, version in pins.items() if name != where.name}, state)
    return True


def versions(where: Pinned) -> set[int]:
    """The integer folders that hold any file: whether a version is whole is for the runtime to say."""
    tops = {path.partition("/")[0] for path in where.root.paths(where.folder) if "/" in path}
    return {int(top) for top in tops if top.removeprefix("-").isascii() and top.removeprefix("-").isdigit()}


def _root(path: str, project: Path) -> ModelRoot:
    if path.startswith("s3://"):
        bucket, _, prefix = path.removeprefix("s3://").partition("/")
        return S3Root(bucket, prefix if not prefix or prefix.endswith("/") else f"{prefix}/")
    return FolderRoot(local_path(path, project))


@dataclass(frozen=True, slots=True)
class FolderRoot:
    """Models in a folder of this machine."""

    folder: Path

    def read(self) -> tuple[Mapping[str, int], str | None]:
        """The pins and their text."""
        try:
            text = (self.folder / PINS).read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}, None
        return _parsed(text.encode(), str(self.folder / PINS)), text

    def write(self, pins: Mapping[str, int], state: str | None) -> None:
        """Replace the file in one step."""
        target = self.folder / PINS
        target.parent.mkdir(exist_ok=True)
        handle, staged = mkstemp(dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(dump_pins(pins))
        if self.read()[1] != state:
            Path(staged).unlink()
            raise CannotPin(f"{target} was changed by someone else; look at it and run this again")
        Path(staged).replace(target)

    def paths(self, folder: str) -> list[str]:
        """All files below it."""
        root = self.folder / folder
        return [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]


@dataclass(frozen=True, slots=True)
class S3Root:
    """Models below a prefix (empty, or ending in a slash) of a bucket."""

    bucket: str
    prefix: str

    def read(self) -> tuple[Mapping[str, int], str | None]:
        """The pins and the object's ETag."""
        with client("s3") as s3:
            try:
                answer = s3.get_object(Bucket=self.bucket, Key=self.prefix + PINS)
            except s3.exceptions.NoSuchKey:
                return {}, None
            return _parsed(answer["Body"].read(), f"s3://{self.bucket}/{self.prefix}{PINS}"), answer["ETag"]

    def write(self, pins: Mapping[str, int], state: str | None) -> None:
        """Replace the object if it still has that ETag."""
        condition = {"IfNoneMatch": "*"} if state is None else {"IfMatch": state}
        with client("s3") as s3:
            try:
                s3.put_object(Bucket=self.bucket, Key=self.prefix + PINS, Body=dump_pins(pins), **condition)
            except s3.exceptions.ClientError as error:
                if error.response["Error"]["Code"] not in {"PreconditionFailed", "ConditionalRequestConflict"}:
                    raise
                raise CannotPin("the pins were changed by someone else at the same moment; run this again") from None

    def paths(self, folder: str) -> list[str]:
        """All keys below it."""
        below = self.prefix + folder
        with client("s3") as s3:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=below)
            return [item["Key"].removeprefix(below) for page in pages for item in page.get("Contents", ())]


def _parsed(text: bytes, place: str) -> Mapping[str, int]:
    try:
        return parse_pins(text)
    except ValueError as error:
        raise CannotPin(f"{place} is damaged ({error}); correct or delete it") from None
