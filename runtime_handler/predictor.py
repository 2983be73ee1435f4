"""The user's object, and how its methods are called: arguments by name, only those that they declare, decided once at start."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from runtime_handler.errors import StartError

PREDICT_ARGUMENTS = ("payload", "query_params", "headers", "batch_id")
POST_PREDICT_ARGUMENTS = ("response", "payload", "query_params", "headers")


class Predictor:
    """A constructed predictor. `predict_arguments` and `post_predict_arguments` are the names that its methods declare."""

    def __init__(self, user_object: Any) -> None:
        self.predict: Callable[..., Any] = user_object.predict
        self.predict_arguments = frozenset(_declared(self.predict, PREDICT_ARGUMENTS))
        self.post_predict: Callable[..., Any] | None = getattr(user_object, "post_predict", None)
        self.post_predict_arguments = frozenset(_declared(self.post_predict, POST_PREDICT_ARGUMENTS) if self.post_predict else ())


def check_class(cls: type, client_argument: str | None, *, needs_load_model: bool) -> None:
    """Raises StartError with everything that is wrong with a predictor class, before any of its code runs.

    `client_argument` is the constructor argument that takes the client, None when the API has no models.
    """
    problems = [
        *_constructor_problems(cls, client_argument),
        *_method_problems(cls, "predict", PREDICT_ARGUMENTS, required=True),
        *_method_problems(cls, "post_predict", POST_PREDICT_ARGUMENTS, required=False),
    ]
    if needs_load_model:
        problems += _method_problems(cls, "load_model", ("model_path",), required=True)
    if problems:
        raise StartError(f"{cls.__name__}: " + "; ".join(problems))


def constructor_arguments(cls: type, available: dict[str, Any]) -> dict[str, Any]:
    """Those of `available` that the constructor declares."""
    if "__init__" not in _own_attributes(cls):
        return {}
    declared = set(_declared(cls.__init__, available))  # type: ignore[misc]
    return {name: value for name, value in available.items() if name in declared}


def _constructor_problems(cls: type, client_argument: str | None) -> list[str]:
    if "__init__" not in _own_attributes(cls):
        return [f"__init__ must take {client_argument}"] if client_argument else []
    allowed = ("config", "job_spec", *((client_argument,) if client_argument else ()))
    problems = _unknown_arguments(cls, "__init__", allowed)
    if client_argument and client_argument not in _declared(cls.__init__, allowed):  # type: ignore[misc]
        problems.append(f"__init__ must take {client_argument}, because the API has models")
    return problems


def _method_problems(cls: type, name: str, allowed: tuple[str, ...], *, required: bool) -> list[str]:
    method = getattr(cls, name, None)
    if method is None:
        return [f"the method {name} is missing"] if required else []
    if not callable(method):
        return [f"{name} is not a method"]
    if inspect.iscoroutinefunction(method):
        return [f"{name} is an async function; predictors are called on a thread: write `def {name}`"]
    return _unknown_arguments(cls, name, allowed)


def _unknown_arguments(cls: type, name: str, allowed: Iterable[str]) -> list[str]:
    """Arguments without a default that nothing fills."""
    allowed = tuple(allowed)
    parameters = list(_parameters(getattr(cls, name)).values())
    if not isinstance(inspect.getattr_static(cls, name), staticmethod | classmethod):
        parameters = parameters[1:]  # self
    return [
        f"{name} takes an unknown argument `{parameter.name}` (known: {', '.join(allowed)})"
        for parameter in parameters
        if parameter.name not in allowed
        and parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]


def _declared(function: Callable[..., Any], names: Iterable[str]) -> list[str]:
    parameters = _parameters(function)
    return [name for name in names if name in parameters]


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function).parameters)


def _own_attributes(cls: type) -> set[str]:
    return {name for base in cls.__mro__[:-1] for name in vars(base)}
