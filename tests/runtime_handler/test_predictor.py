"""Which predictor classes are accepted, and how their methods are called."""

from typing import Any

import pytest

from runtime_handler.errors import StartError
from runtime_handler.predictor import check_class, constructor_arguments


class Good:
    def __init__(self, config: Any, python_client: Any) -> None: ...

    def load_model(self, model_path: str) -> None: ...

    def predict(self, payload: Any, headers: Any, threshold: float = 0.5) -> None: ...

    def post_predict(self, response: Any, **rest: Any) -> None: ...


def without(name: str) -> type:
    return type("Bad", (), {key: value for key, value in vars(Good).items() if key != name and not key.startswith("__dict")})


def changed(**methods: Any) -> type:
    return type("Bad", (Good,), methods)


def test_any_subset_of_the_arguments_is_accepted() -> None:
    """Arguments are matched by name; what has a default or is **kwargs is the user's own."""
    check_class(Good, "python_client", needs_load_model=True)
    assert constructor_arguments(Good, {"config": 1, "python_client": 2, "job_spec": None}) == {"config": 1, "python_client": 2}


@pytest.mark.parametrize(
    ("cls", "says"),
    [
        (without("predict"), "the method predict is missing"),
        (without("load_model"), "the method load_model is missing"),
        (changed(predict=3), "predict is not a method"),
        (changed(predict=lambda self, sample: None), "predict takes an unknown argument `sample`"),
        (changed(__init__=lambda self, config: None), "__init__ must take python_client"),
        (changed(load_model=lambda self, path: None), "load_model takes an unknown argument `path`"),
        (changed(post_predict=lambda self, prediction: None), "post_predict takes an unknown argument `prediction`"),
    ],
)
def test_what_is_wrong_with_a_class_is_said_before_it_runs(cls: type, says: str) -> None:
    """One sentence with the name of the class."""
    with pytest.raises(StartError, match="Bad: ") as raised:
        check_class(cls, "python_client", needs_load_model=True)
    assert says in str(raised.value)


def test_everything_wrong_is_said_at_once() -> None:
    """Two mistakes, one message."""
    cls = changed(predict=lambda self, sample: None, __init__=lambda self: None)
    with pytest.raises(StartError, match=r"must take python_client.*unknown argument `sample`"):
        check_class(cls, "python_client", needs_load_model=False)


def test_async_predictors_are_told_so() -> None:
    """A coroutine would never be awaited."""

    async def predict(self: Any, payload: Any) -> None: ...

    with pytest.raises(StartError, match="predict is an async function"):
        check_class(changed(predict=predict), "python_client", needs_load_model=False)


def test_a_class_without_a_constructor_gets_no_arguments() -> None:
    """Cortex's own page omits it once."""

    class Bare:
        def predict(self, payload: Any) -> None: ...

    check_class(Bare, None, needs_load_model=False)
    assert constructor_arguments(Bare, {"config": 1}) == {}
