"""SageMaker's multi-model endpoints: the platform puts models on the disk and says by HTTP what to load and unload.

The container contract (AWS's page "Build your own container for multi-model endpoints"): POST /models loads, GET lists,
DELETE unloads, POST /models/NAME/invoke predicts.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from runtime_handler.codec import parse_json
from runtime_handler.errors import BadPayload, ModelNotFound, NotReady
from runtime_handler.models import lease
from runtime_handler.models.model import CacheStatus, Model, ModelStatus
from runtime_handler.starting import OpenedModels

PREFIX = "/models"
INVOKE = "/invoke"


class Folders(Protocol):
    """Models that are loaded and unloaded by name and folder."""

    def load(self, name: str, folder: str) -> Sequence[ModelStatus]:
        """Load; raises ModelExists, NoRoom, BadModel."""

    def unload(self, name: str) -> None:
        """Let go; raises ModelNotFound."""


class MultiModel:
    """The routes below /models. `folders` is there once the API has started, `aside` runs what blocks off the loop."""

    def __init__(self, folders: Callable[[], Folders | None], aside: Callable[..., Awaitable[Any]]) -> None:
        self._folders = folders
        self._aside = aside
        self._urls: dict[str, str] = {}

    @staticmethod
    def owns(path: str) -> bool:
        """Whether the path is one of these routes."""
        return path == PREFIX or path.startswith(f"{PREFIX}/")

    def invoked(self, path: str) -> str | None:
        """The model whose predictions are asked for at `path`. Raises ModelNotFound when it is not loaded."""
        if not path.startswith(PREFIX + "/") or not path.endswith(INVOKE):
            return None
        name = path[len(PREFIX) + 1 : -len(INVOKE)]
        self._url(name)
        return name

    async def manage(self, method: str, path: str, body: bytes) -> dict[str, Any] | None:
        """The body of the 200 answer to a request that is no prediction; None when there is no such route.

        Raises BadPayload, BadModel, ModelExists, ModelNotFound, NoRoom and NotReady.
        """
        name = path[len(PREFIX) + 1 :]
        match method, bool(name):
            case "GET", False:
                return {"models": [_described(known, url) for known, url in sorted(self._urls.items())]}
            case "POST", False:
                return await self._load(parse_json(body))
            case "GET", True:
                return _described(name, self._url(name))
            case "DELETE", True:
                return await self._unload(name)
        return None

    async def _load(self, wanted: Any) -> dict[str, Any]:
        if not isinstance(wanted, dict) or not all(isinstance(wanted.get(key), str) for key in ("model_name", "url")):
            raise BadPayload('the body must be {"model_name": string, "url": string}')
        name, url = wanted["model_name"], wanted["url"]
        await self._aside(self._opened().load, name, url)
        self._urls[name] = url
        return _described(name, url)

    async def _unload(self, name: str) -> dict[str, Any]:
        url, unload = self._url(name), self._opened().unload
        del self._urls[name]  # first: the same name may be loaded again before we hear that this has ended
        try:
            await self._aside(unload, name)
        except Exception:
            self._urls.setdefault(name, url)
            raise
        return _described(name, url)

    def _opened(self) -> Folders:
        folders = self._folders()
        if folders is None:
            raise NotReady("the predictor is starting")
        return folders

    def _url(self, name: str) -> str:
        if name not in self._urls:
            raise ModelNotFound(f"there is no model {name!r}", model=name)
        return self._urls[name]


def _described(name: str, url: str) -> dict[str, Any]:
    return {"modelName": name, "modelUrl": url}


class InvokedModels:
    """`Models` for which no name means the model that the running request was sent to."""

    def __init__(self, models: OpenedModels) -> None:
        self._models = models

    def start(self) -> None:
        """See `OpenedModels.start`."""
        self._models.start()

    def status(self) -> Sequence[ModelStatus]:
        """See `Models.status`."""
        return self._models.status()

    def cache(self) -> CacheStatus:
        """See `Models.cache`."""
        return self._models.cache()

    def metadata(self) -> Mapping[str, Any]:
        """See `Models.metadata`."""
        return self._models.metadata()

    def get(self, name: str | None = None, version: str | int | None = "latest") -> Model:
        """See `Models.get`."""
        request = lease.current()
        if name is None and request is not None:
            name = request.sent_to
        return self._models.get(name, version)
