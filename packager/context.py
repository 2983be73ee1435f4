"""A build context as data: every file of an image's build, from nothing but a validated API and its project.

`packager.images` says what the folder holds. The same input gives the same files whatever the folder, the umask, the
clock or the hash seed.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from packager.dependencies import INSTALLERS, dependency_files
from packager.images import Flavour
from packager.model_files import model_files
from packager.project import ProjectFile
from packager.spec import ApiSpec
from runtime_handler.contract import ModelPath, ServeSpec

RUNTIME = Path(__file__).parent.parent / "runtime_handler"
DOCKERIGNORE = "**/__pycache__\nzip/\n"


class ContextFile(NamedTuple):
    """One file: its path in the context, and its bytes or the file that holds them."""

    path: str
    content: bytes | Path

    def read(self) -> bytes:
        """The bytes."""
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()

    def starts_with(self, prefix: bytes) -> bool:
        """Whether these are its first bytes; the others are not read."""
        if isinstance(self.content, bytes):
            return self.content.startswith(prefix)
        with self.content.open("rb") as file:
            return file.read(len(prefix)) == prefix

    @property
    def size(self) -> int:
        """How many bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    @property
    def executable(self) -> bool:
        """Whether the owner may execute it; the other permissions are the same for every file."""
        return isinstance(self.content, Path) and os.access(self.content, os.X_OK)


class BuildContext:
    """The files of one API's context, sorted by path."""

    def __init__(self, api: str, files: tuple[ContextFile, ...]) -> None:
        self.api, self.files = api, files

    def adding(self, files: Iterable[ContextFile]) -> "BuildContext":
        """The same context with more files."""
        return BuildContext(self.api, tuple(sorted([*self.files, *files], key=lambda file: file.path)))

    def replacing(self, path: str, content: bytes) -> "BuildContext":
        """The same context with other bytes in one file."""
        return BuildContext(self.api, tuple(ContextFile(path, content) if file.path == path else file for file in self.files))

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Bytes of each file, by its path."""
        return {file.path: file.size for file in self.files}

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(self.sizes.values())

    @cached_property
    def digest(self) -> str:
        """A digest of every path, permission and byte."""
        from hashlib import sha256  # here: it loads OpenSSL, and only `cxpack local` asks

        total = sha256()
        for file in self.files:
            line = f"{file.path}\0{int(file.executable)}\0{sha256(file.read()).hexdigest()}\n"
            total.update(os.fsencode(line))  # a file's name need not be text
        return total.hexdigest()

    @cached_property
    def dependencies(self) -> Mapping[str, bytes]:
        """The files of the dependencies/ folder, by their path in it."""
        folder = "dependencies/"
        return {file.path.removeprefix(folder): file.read() for file in self.files if file.path.startswith(folder)}


def assemble(api: ApiSpec, project: Path, sources: Sequence[ProjectFile], flavour: Flavour) -> BuildContext:
    """The context of a RealtimeAPI of the project in folder `project`, whose files but for packed models are `sources`."""
    serve, models = pack_models(api.served, project)
    return BuildContext(
        api.name,
        tuple(
            sorted(
                [
                    *_flavour_files(flavour),
                    *_runtime_files(),
                    *_dependency_files(sources),
                    *(ContextFile(f"project/{file.path}", file.source) for file in sources),
                    *_model_files(models),
                    ContextFile("api.json", serve.dump().encode()),
                ],
                key=lambda file: file.path,
            )
        ),
    )


def pack_models(serve: ServeSpec, project: Path) -> tuple[ServeSpec, list[tuple[Path, str]]]:
    """The spec with local model paths rewritten to the context's `models/`, and (folder or file, path in the context)."""
    models = serve.predictor.models
    if models is None:
        return serve, []
    packed: list[tuple[Path, str]] = []

    def pack(path: str, name: str) -> str:
        if path.startswith("s3://"):
            return path
        source = local_path(path, project)
        inside = f"models/{name}/{source.name}" if source.is_file() else f"models/{name}"
        packed.append((source, inside))
        return inside if source.is_file() else f"{inside}/"

    moved = models._replace(
        paths=tuple(
            ModelPath(name=model.name, path=pack(model.path, model.name), signature_key=model.signature_key)
            for model in models.paths
        ),
        dir=None if models.dir is None else pack(models.dir, "dir"),
    )
    return serve._replace(predictor=serve.predictor._replace(models=moved)), packed


def local_path(path: str, project: Path) -> Path:
    """A model path of cortex.yaml that is no S3 path: absolute, from the home folder, or relative to the project."""
    return project / os.path.expanduser(path)  # noqa: PTH111 - pathlib's raises for an unknown user, and a folder may be called so


def _flavour_files(flavour: Flavour) -> Iterator[ContextFile]:
    for name, source in flavour.files.items():
        yield ContextFile(name, source)
    yield ContextFile(".dockerignore", DOCKERIGNORE.encode())


@cache
def _runtime_files() -> tuple[ContextFile, ...]:
    sources = sorted(RUNTIME.rglob("*.py"))
    return tuple(ContextFile(f"{RUNTIME.name}/{source.relative_to(RUNTIME).as_posix()}", source) for source in sources)


def _dependency_files(sources: Sequence[ProjectFile]) -> Iterator[ContextFile]:
    files = {file.path: file.source for file in sources}
    # An installer that the project lacks is an empty file: a Dockerfile cannot ask.
    contents: dict[str, bytes | Path] = dict.fromkeys(INSTALLERS, b"")
    contents.update((path, files[path]) for path in dependency_files(files, lambda path: files[path].read_bytes()))
    for path, content in contents.items():
        yield ContextFile(f"dependencies/{path}", content)


def _model_files(models: list[tuple[Path, str]]) -> Iterator[ContextFile]:
    yield ContextFile("models/.keep", b"")
    for source, inside in models:
        if source.is_file():
            yield ContextFile(inside, source)
        else:
            yield from (ContextFile(f"{inside}/{file.path}", file.source) for file in model_files(source))
