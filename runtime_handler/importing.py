"""The user's predictor class, from its file: no such file, an import that fails and a wrong class are three different errors."""

import importlib.util
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, TracebackType

from runtime_handler.errors import StartError, UserCodeError

OURS = str(Path(__file__).parent)
PYTHONS = str(Path(os.__file__).parent)


def load_class(path: Path, class_name: str) -> type:
    """The class `class_name` of the file `path`.

    Raises StartError when there is no such file or class, and UserCodeError, which carries the user's own exception,
    when the file cannot be imported.
    """
    if not path.is_file():
        raise StartError(f"{path.name}: no such file in {path.parent}; check predictor.path in cortex.yaml")
    candidate = getattr(_import(path, class_name), class_name, None)
    if candidate is None:
        raise StartError(f"{path.name} defines no class {class_name}; this predictor type needs exactly that name")
    if not isinstance(candidate, type):
        raise StartError(f"{path.name}: {class_name} is not a class, it is of type {type(candidate).__name__}")
    return candidate


def _import(path: Path, class_name: str) -> ModuleType:
    # A name of its own, as Cortex gave it one: the file may be called like an installed package.
    name = f"cortex_{class_name.lower()}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise StartError(f"{path.name} is not a Python file; check predictor.path in cortex.yaml")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before running it, so that its dataclasses and pickles find their module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:  # the user's code may raise anything
        del sys.modules[name]
        raise UserCodeError(f"{path.name} could not be imported: {describe(error)}", error) from error
    return module


def describe(error: BaseException) -> str:
    """One line that names an exception, with the remedy where the cause is plain."""
    try:
        told = str(error)
    except Exception:  # noqa: BLE001  a class of the user's own; the traceback says the same
        told = "<exception str() failed>"
    text = f"{type(error).__name__}: {told}" if told else type(error).__name__
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"{text}; if it is a package, add it to requirements.txt"
    return text


def user_traceback(error: BaseException) -> str:
    """The traceback as Python prints it, without the frames that lead to the user's code: ours, and those of frameworks."""
    return "".join(traceback.format_exception(type(error), error, _from_user_code(error.__traceback__)))


def _from_user_code(frames: TracebackType | None) -> TracebackType | None:
    return _after(frames, _is_installed) or _after(frames, _is_machinery) or frames


def _after(frames: TracebackType | None, passes: Callable[[str], bool]) -> TracebackType | None:
    """From the first frame on whose file does not pass; None when there is none."""
    while frames is not None and passes(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    return frames


def _is_machinery(filename: str) -> bool:
    return filename.startswith((OURS, "<frozen importlib"))


def _is_installed(filename: str) -> bool:
    return filename.startswith((OURS, PYTHONS, "<frozen ")) or "site-packages" in filename
