"""What can go wrong while an API serves, in the words of the person who can fix it; HTTP numbers live in `answers.py`.

`kind` is the stable code that callers script against; `fields` go beside it into the JSON body. User code may catch
these: `VersionNotFound` is a `ModelNotFound`, and every one that a retry can cure is an `Unavailable`.
"""

from typing import Any


class StartError(Exception):
    """The API cannot start: bad api.json, no such predictor file, wrong class. One sentence, shown by the platform."""


class UserCodeError(StartError):
    """The user's module or constructor raised `error`, whose traceback goes to the log as it is."""

    def __init__(self, message: str, error: BaseException) -> None:
        super().__init__(message)
        self.error = error


class ServeError(Exception):
    """An answer that is not a prediction, and not the user's code failing."""

    kind = "error"

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields


class BadPayload(ServeError):
    """The body, or a model input that came from it, cannot be used."""

    kind = "bad_payload"


class BadModelInput(BadPayload):
    """What a client was given cannot be turned into the model's input; an answer to the caller only when it is theirs.

    `given` is the value at fault; with `whole` it is the container that lacks something, not its content.
    """

    def __init__(self, message: str, *, given: Any, whole: bool = False) -> None:
        super().__init__(message)
        self.given = given
        self.whole = whole


class BadModelVersion(ServeError):
    """A model version that is neither an integer nor "latest"."""

    kind = "bad_model_version"


class MissingModelName(ServeError):
    """Several models are served and the call names none."""

    kind = "missing_model_name"


class ModelNotFound(ServeError):
    """No model of that name exists."""

    kind = "model_not_found"


class VersionNotFound(ModelNotFound):
    """The model exists, this version of it does not."""

    kind = "version_not_found"


class BadModel(ServeError):
    """A folder that was to be loaded as a model holds none, or cannot be loaded (SageMaker's multi-model interface)."""

    kind = "bad_model"


class ModelExists(ServeError):
    """A model of that name is loaded already (SageMaker's multi-model interface)."""

    kind = "model_exists"


class NoRoom(ServeError):
    """The model does not fit beside the loaded ones (SageMaker's multi-model interface)."""

    kind = "no_room"


class Unavailable(ServeError):
    """Not now: `retry_after` is the number of seconds after which a retry makes sense."""

    kind = "unavailable"

    def __init__(self, message: str, *, retry_after: float = 1, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.retry_after = retry_after


class NotReady(Unavailable):
    """The API is starting."""

    kind = "not_ready"


class ModelLoading(Unavailable):
    """The version is known, and is being uploaded, fetched or loaded."""

    kind = "model_loading"


class ModelFailed(Unavailable):
    """The version could not be loaded; it is tried again after a back-off."""

    kind = "model_failed"


class NoCapacity(Unavailable):
    """The model cache is full of models that may not leave now, or the model can never fit."""

    kind = "no_capacity"


class Overloaded(Unavailable):
    """More requests are in flight than `max_replica_concurrency` allows."""

    kind = "overloaded"
