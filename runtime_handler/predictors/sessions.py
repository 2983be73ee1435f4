"""Opens onnxruntime sessions of model files; of a small file that was opened before in half the time.

A cache opens the same files again and again. What the first time told stays true as long as the file's size, time and inode
do: which inputs the model has, and that it runs. At the second time the graph is kept as onnxruntime optimised it; from
then on it is opened instead of the file, because optimising is two fifths of what opening a small model takes.

Small models run in the thread that calls them: by default each session brings a thread per core of its own, 300 models 300
threads and more. Large ones, of which memory allows few, keep a pool that sleeps while nobody calls. One pool for all would
do, too, but onnxruntime then refuses every session that the user's code opens in the default way. The memory arena is off,
because it keeps the largest batch's memory until the process ends.
"""

import logging
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from runtime_handler.predictors.arrays import InputSignature

log = logging.getLogger("cxpack.models")

LARGE_MODEL = 8 * 2**20
"""Bytes of a model's file from which on its runs are spread over cores; a smaller one takes less than a millisecond."""

REMEMBERED = 10_000
"""Files of which is remembered what their first opening told."""

SMALL_GRAPH = 2**18
"""Bytes of a file, and of its optimised graph, up to which the graph is kept in memory."""

GRAPHS = 2**25
"""Bytes of all graphs that are kept."""

CPU = "CPUExecutionProvider"
ERRORS_ONLY = 3
"""Of onnxruntime's levels of logging: without the warning that an optimised graph fits this machine alone."""

Inputs = tuple[InputSignature, ...]
Facts = tuple[int, int, int]
"""Size, time and inode of a file."""


class Known(NamedTuple):
    """A file that was opened: its inputs, and its optimised graph, None before that was tried and empty if it is not kept."""

    file: str
    facts: Facts
    inputs: Inputs
    graph: bytes | None = None


class Sessions:
    """Opens the one `.onnx` file of a folder, on as many threads as `threads` for large models.

    `prove` is given each new file's session: it tells the inputs, and raises when the model cannot run. `graphs` is how many
    bytes of optimised graphs are kept.
    """

    def __init__(self, threads: int, prove: Callable[[Any], Inputs], graphs: int = GRAPHS) -> None:
        self._threads, self._prove, self._room = threads, prove, graphs
        self._known: dict[str, Known] = {}

    def open(self, folder: Path) -> tuple[Any, Inputs]:
        """A session and the model's inputs. Raises onnxruntime's errors, OSError, and what `prove` raises.

        For one thread at a time per folder.
        """
        place = os.fspath(folder)
        known = self._known.get(place)
        if known is not None and _facts(known.file) == known.facts:
            return self._again(place, known), known.inputs
        file = os.path.join(place, next(name for name in os.listdir(place) if name.endswith(".onnx")))  # noqa: PTH118, PTH208 - a cache opens often, and small models open in half a millisecond
        facts = _facts(file)
        session = _open(file, _options(self._threads if facts is not None and facts[0] >= LARGE_MODEL else 1))
        inputs = self._prove(session)
        if len(self._known) >= REMEMBERED:
            for forgotten in tuple(self._known):
                self._forget(forgotten)
        self._forget(place)
        if facts is not None:
            self._known[place] = Known(file, facts, inputs)
        return session, inputs

    def _again(self, place: str, known: Known) -> Any:
        if known.graph:
            try:
                return _open(known.graph, _options(1, optimise=False))
            except Exception as error:  # noqa: BLE001  onnxruntime's errors have no base of their own
                log.warning("%s is optimised anew each time it is loaded: %s", known.file, error)
                self._keep(place, known, b"")
        elif known.graph is None and known.facts[0] <= SMALL_GRAPH and _providers() == [CPU]:
            session, graph = _optimised(known.file)
            self._keep(place, known, graph if len(graph) <= min(SMALL_GRAPH, self._room) else b"")
            return session
        return _open(known.file, _options(self._threads if known.facts[0] >= LARGE_MODEL else 1))

    def _keep(self, place: str, known: Known, graph: bytes) -> None:
        self._forget(place)
        self._room -= len(graph)  # loads that run side by side may keep one too many each
        self._known[place] = known._replace(graph=graph)

    def _forget(self, place: str) -> None:
        known = self._known.pop(place, None)
        self._room += len(known.graph or b"") if known is not None else 0


def _facts(file: str) -> Facts | None:
    try:
        stat = os.stat(file)  # noqa: PTH116
    except FileNotFoundError:
        return None
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _optimised(file: str) -> tuple[Any, bytes]:
    """A session, and the graph that it runs; empty when onnxruntime cannot write it down."""
    from tempfile import TemporaryDirectory  # here, for few models are loaded twice

    try:
        with TemporaryDirectory(prefix="cxpack-graph-") as folder:
            options = _new_options(1)
            options.optimized_model_filepath = f"{folder}/model.onnx"
            options.log_severity_level = ERRORS_ONLY
            session = _open(file, options)
            return session, Path(folder, "model.onnx").read_bytes()
    except Exception as error:  # noqa: BLE001  as above, and a full disk
        log.info("the optimised graph of %s is not kept: %s", file, error)
        return _open(file, _options(1)), b""


def _open(model: str | bytes, options: Any) -> Any:
    import onnxruntime  # here, so that other predictor types never pay for it

    return onnxruntime.InferenceSession(model, options, providers=_providers())


@cache
def _options(threads: int, *, optimise: bool = True) -> Any:
    options = _new_options(threads)
    if not optimise:
        import onnxruntime

        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


def _new_options(threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    return options


@cache
def _providers() -> list[str]:
    import onnxruntime

    available = onnxruntime.get_available_providers()
    return [provider for provider in ("CUDAExecutionProvider", CPU) if provider in available]
