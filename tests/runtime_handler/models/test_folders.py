"""SageMaker's multi-model interface on the manager."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime_handler.contract import ModelsSpec
from runtime_handler.errors import BadModel, ModelExists, ModelNotFound, NoRoom
from runtime_handler.models.layout import ONNX, Layout
from runtime_handler.models.manager import Manager, open_manager
from runtime_handler.sagemaker import MultiModel
from tests.runtime_handler.models.builders import Loader, a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket


def a_multi_model_manager(store: Path, *, layout: Layout = ONNX, limit: int | None = None) -> Manager:
    spec = ModelsSpec(cache_size=limit, disk_cache_size=limit)
    manager = open_manager(spec, api_name="api", root=store, layout=layout, load=Loader(), store=store)
    manager.start()
    return manager


def a_folder(root: Path, name: str, **files: str) -> str:
    for file, text in (files or {"model.onnx": name}).items():
        (root / name / file).parent.mkdir(parents=True, exist_ok=True)
        (root / name / file).write_text(text)
    return str(root / name)


def test_a_folder_becomes_a_model_and_goes_again(tmp_path: Path) -> None:
    """Loading answers with what was loaded, under the name that SageMaker chose; unloading ends it."""
    manager = a_multi_model_manager(tmp_path)
    [status] = manager.folders.load("m-1", a_folder(tmp_path, "one"))
    assert (status.name, status.version, status.state, status.memory) == ("m-1", 1, "ready", True)
    assert manager.get("m-1").value == "one"
    manager.tick()
    assert [status.name for status in manager.folders.list()] == ["m-1"]
    manager.folders.unload("m-1")
    assert manager.folders.list() == []
    for forgotten in (manager.folders.unload, manager.folders.list, manager.get):
        with pytest.raises(ModelNotFound):
            forgotten("m-1")


def test_models_that_come_and_go_leave_nothing(tmp_path: Path) -> None:
    """However many names the platform has had a model under, none is remembered."""
    manager = a_multi_model_manager(tmp_path)
    for name in "abc":
        manager.folders.load(name, a_folder(tmp_path, name))
        manager.folders.unload(name)
        manager.tick()
    assert manager._shelf._pending == set()


def test_versions_of_a_folder_are_all_loaded(tmp_path: Path) -> None:
    """A versioned folder is a versioned model; an incomplete version in it is left out."""
    folder = a_folder(tmp_path, "one", **{"1/a.onnx": "v1", "2/a.onnx": "v2", "3/readme.txt": "no"})
    manager = a_multi_model_manager(tmp_path)
    assert [status.version for status in manager.folders.load("m", folder)] == [1, 2]
    assert (manager.get("m").value, manager.get("m", 1).value) == ("v2", "v1")


def test_a_name_is_loaded_once(tmp_path: Path) -> None:
    """A second load of a name is refused and disturbs nothing."""
    manager = a_multi_model_manager(tmp_path)
    manager.folders.load("m", a_folder(tmp_path, "one"))
    with pytest.raises(ModelExists):
        manager.folders.load("m", a_folder(tmp_path, "two"))
    assert manager.get("m").value == "one"


def test_no_room_evicts_nobody(tmp_path: Path) -> None:
    """SageMaker decides what goes when the container is full."""
    manager = a_multi_model_manager(tmp_path, limit=1)
    manager.folders.load("a", a_folder(tmp_path, "one"))
    with pytest.raises(NoRoom, match="does not fit beside the loaded ones"):
        manager.folders.load("b", a_folder(tmp_path, "two"))
    assert [status.name for status in manager.folders.list()] == ["a"]
    manager.folders.unload("a")
    manager.folders.load("b", a_folder(tmp_path, "two"))


def test_a_model_that_turns_out_to_have_no_room_evicts_nobody(tmp_path: Path) -> None:
    """It is told as having none, and is gone; once there is room, it is loaded. Those that are loaded stay so throughout."""
    for name in "abc":
        (tmp_path / name).mkdir()
        (tmp_path / name / "model").write_bytes(name.encode() * (17 << 20))
    store, bucket = tmp_path / "store", FakeBucket(Clock())
    manager = a_manager(store, bucket, directory=None, load=lambda path, name: b"x" * (60 << 20), memory_room=150 << 20)
    for name in "ab":
        manager.folders.load(name, str(tmp_path / name))
    for _ in range(2):
        with pytest.raises(NoRoom, match=r"the model was seen to take .* bytes, for which there is no room"):
            manager.folders.load("c", str(tmp_path / "c"))
        assert [status.name for status in manager.folders.list()] == ["a", "b"]
        assert manager.cache().memory.bytes < 150 << 20
    manager.folders.unload("a")
    manager.folders.load("c", str(tmp_path / "c"))
    assert [len(manager.get(name).value) for name in "bc"] == [60 << 20] * 2


@pytest.mark.parametrize(
    ("name", "files", "words"),
    [
        ("m", {"model.txt": "x"}, r"holds no onnx model: there is no \*.onnx file"),
        ("m", {"model.onnx": "broken"}, "cannot read broken"),
        ("..", {"model.onnx": "x"}, "cannot be a model's name"),
        ("", {"model.onnx": "x"}, "'' cannot be a model's name"),
    ],
)
def test_what_is_no_model_is_refused_and_forgotten(tmp_path: Path, name: str, files: dict[str, str], words: str) -> None:
    """A bad folder is told why, and can be loaded once it was mended."""
    manager = a_multi_model_manager(tmp_path)
    folder = a_folder(tmp_path, "folder", **files)
    with pytest.raises(BadModel, match=words):
        manager.folders.load(name, folder)
    assert manager.status() == []


def test_a_missing_or_relative_folder_is_refused(tmp_path: Path) -> None:
    """Only an absolute path of a folder can be loaded."""
    manager = a_multi_model_manager(tmp_path)
    for folder in (str(tmp_path / "nowhere"), "relative"):
        with pytest.raises(BadModel, match="is not the absolute path of a folder"):
            manager.folders.load("m", folder)


class Endpoint:
    """The routes of an endpoint; what `follows` an unload runs before the event loop hears that the unload has ended."""

    def __init__(self, manager: Manager, folder: str) -> None:
        self.routes = MultiModel(lambda: manager.folders, self.aside)
        self.manager, self.folder = manager, folder
        self.follows: Callable[[], Any] | None = None

    async def aside(self, call: Callable[..., object], *arguments: object) -> object:
        result = call(*arguments)
        if call == self.manager.folders.unload and self.follows is not None:
            await self.follows()
        return result

    async def load(self) -> object:
        return await self.routes.manage("POST", "/models", json.dumps({"model_name": "m", "url": self.folder}).encode())

    async def unload(self) -> object:
        return await self.routes.manage("DELETE", "/models/m", b"")

    async def names(self) -> list[str]:
        answer = await self.routes.manage("GET", "/models", b"")
        return [model["modelName"] for model in answer["models"]] if answer is not None else []


def test_a_model_that_is_loaded_again_while_its_unload_ends_stays(tmp_path: Path) -> None:
    """Once the model is gone its name is free, before the unload is answered; a load then is listed, and can be unloaded."""
    endpoint = Endpoint(a_multi_model_manager(tmp_path), a_folder(tmp_path, "one"))

    async def run() -> None:
        await endpoint.load()
        endpoint.follows = endpoint.load
        await endpoint.unload()
        assert await endpoint.names() == ["m"]
        endpoint.follows = None
        await endpoint.unload()
        assert (await endpoint.names(), endpoint.manager.folders.list()) == ([], [])

    asyncio.run(run())


def test_a_model_that_could_not_be_unloaded_stays_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unload that ends in an error of ours can be asked for again."""
    endpoint = Endpoint(a_multi_model_manager(tmp_path), a_folder(tmp_path, "one"))

    def fail(name: str) -> None:
        raise OSError(f"{name} cannot be unloaded")

    async def run() -> None:
        await endpoint.load()
        with monkeypatch.context() as patch:
            patch.setattr(endpoint.manager.folders, "unload", fail)
            with pytest.raises(OSError, match="m cannot be unloaded"):
                await endpoint.unload()
        assert await endpoint.names() == ["m"]
        await endpoint.unload()
        assert await endpoint.names() == []

    asyncio.run(run())
