"""Rows of the serving path: requests a second, tails, starts and memory beside FastAPI and beside raw ASGI."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from random import Random

from runtime_handler.contract import SINGLE_MODEL, BatchingSpec, ModelPath, ModelsSpec, PredictorSpec, ServeSpec
from tests.benchmarks.burst import CONNECTIONS
from tests.benchmarks.exported import LARGE, TINY, a_request, write_models
from tests.benchmarks.load import burst, installed, load, loaded_rows, write_script
from tests.benchmarks.rows import LIMIT, OURS, PLAIN, Gate, Row, alternate
from tests.benchmarks.servers import Recipe, Server, all_running, cxpack, running, uvicorn
from tests.runtime_handler.harness import write_context

PREDICTOR = """
class ONNXPredictor:
    def __init__(self, onnx_client, config):
        self.client = onnx_client

    def predict(self, payload):
        [scores] = self.client.predict(payload["values"])
        return scores[0].tolist()
"""
PREDICTOR_OF_MANY = PREDICTOR.replace("self, payload", "self, payload, query_params").replace(
    'payload["values"]', 'payload["values"], query_params["model"]'
)
MANY = 1000
FEW, FURTHER = 20, 500
"""The few are more than the threads that load models, which so are there in both."""
BATCHING = BatchingSpec(max_batch_size=32, batch_interval_s=0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure: rounds of `seconds` under load, starts of a process, syntheses of the CDK app."""

    rounds: int
    seconds: int
    starts: int
    syntheses: int


def recipes(folder: Path, widths: Sequence[int], **predictor: object) -> dict[str, Recipe]:
    """The three servers of one model, whose files are below `folder`."""
    context = a_context(folder, PREDICTOR, ModelsSpec(paths=(ModelPath(name=SINGLE_MODEL, path="models/model"),)), **predictor)
    write_models(context / "models", widths, ["model"])
    model = str(context / "models/model/1/model.onnx")
    return {OURS: cxpack(context), PLAIN: uvicorn("plain", MODEL=model), LIMIT: uvicorn("raw", MODEL=model)}


def a_context(folder: Path, predictor: str, models: ModelsSpec, **changes: object) -> Path:
    """A context folder without model files."""
    spec = PredictorSpec(type="onnx", path="predictor.py", models=models, **changes)
    return write_context(
        folder / "context", {"predictor.py": predictor}, ServeSpec(name="bench", endpoint="/bench", predictor=spec)
    )


def tiny(folder: Path, effort: Effort) -> Iterator[Row]:
    """The tiny model at 1, 8 and 64 connections; first memory, for load makes it grow."""
    body = a_request(TINY)
    with all_running(recipes(folder, TINY), body, folder) as servers:
        time.sleep(1)
        memory = {who: [server.resident_mb] for who, server in servers.items()}
        yield Row(name="idle memory, one tiny model", unit="MB", values=memory, gate=Gate(against=PLAIN, bound=1.0))
        if not installed():
            return
        script = write_script(folder / "wrk.lua", body)
        for server in servers.values():
            load(server, script, 8, 1)
        for connections, bound in ((1, 2.0), (8, 3.5), (64, 5.0)):
            rows = loaded_rows(
                "tiny model",
                servers,
                script,
                connections,
                effort.rounds,
                effort.seconds,
                gate=Gate(against=PLAIN, bound=bound, at_least=True),
                p99_gate=Gate(against=PLAIN, bound=0.2) if connections == 64 else None,
            )
            yield from rows
        yield bursts(rows[0], servers, script, body, effort)


def bursts(full: Row, servers: Mapping[str, Server], script: Path, body: str, effort: Effort) -> Row:
    """A burst of new connections while others keep the server busy: the slowest answer, over the time that the server
    takes for as many answers at the throughput of the row `full`.
    """
    busy = 8
    slowest = alternate(effort.rounds, servers, lambda server: burst(server, script, body, busy, effort.seconds))
    ideal = {who: (busy + CONNECTIONS) / median * 1000 for who in servers if (median := full.median(who))}
    return Row(
        name=f"{CONNECTIONS} new connections at once on a busy server: the slowest",
        unit="x ideal",
        values={who: [value / ideal[who] for value in values] for who, values in slowest.items()},
        gate=Gate(bound=2),
    )


def batched(folder: Path, effort: Effort) -> Iterator[Row]:
    """784 floats a request, 23 MB of weights, 64 connections; ours joins the calls."""
    if not installed():
        return
    body = a_request(LARGE)
    with all_running(
        recipes(folder, LARGE, batching=BATCHING, threads_per_process=BATCHING.max_batch_size), body, folder
    ) as servers:
        script = write_script(folder / "wrk.lua", body)
        for server in servers.values():
            load(server, script, 64, 1)
        yield from loaded_rows(
            "784 floats, batching",
            servers,
            script,
            64,
            effort.rounds,
            effort.seconds,
            gate=Gate(against=PLAIN, bound=4.0, at_least=True),
            p99_gate=Gate(against=PLAIN, bound=0.1),
        )


def many(folder: Path, effort: Effort) -> Iterator[Row]:
    """1,000 models asked for by Zipf's law, with a cache of all and of 50."""
    if not installed():
        return
    body, names = a_request(TINY), [f"m{number}" for number in range(MANY)]
    for cache, bound in ((MANY, 2.0), (50, 1.3)):
        ours = a_context(
            folder / str(cache),
            PREDICTOR_OF_MANY,
            ModelsSpec(dir="models", cache_size=cache, disk_cache_size=MANY),
        )
        write_models(ours / "models", TINY, names)
        script = write_script(folder / f"wrk{cache}.lua", body, zipf(names, 20_000))
        servers_of = {OURS: cxpack(ours), PLAIN: uvicorn("plain_many", MODELS=str(ours / "models"), CACHE=str(cache))}
        asked = {who: _asking(recipe, "m0") for who, recipe in servers_of.items()}
        with all_running(asked, body, folder) as servers:
            for server in servers.values():
                load(server, script, 8, 2 * effort.seconds)
            yield from loaded_rows(
                f"{MANY:,} models, Zipf, cache of {cache:,}",
                servers,
                script,
                8,
                effort.rounds,
                effort.seconds,
                gate=Gate(against=PLAIN, bound=bound, at_least=True),
            )


def zipf(names: Sequence[str], length: int, exponent: float = 1.1) -> list[str]:
    """The same sequence at every call, in which the n-th name comes with probability ~ n ** -exponent."""
    weights = list(accumulate((rank + 1) ** -exponent for rank in range(len(names))))
    return Random(42).choices(names, cum_weights=weights, k=length)


def starts(folder: Path, effort: Effort) -> Iterator[Row]:
    """From the command to the first prediction."""
    body = a_request(TINY)

    def start_of(recipe: Recipe) -> float:
        with running(recipe, body, folder / "log") as server:
            return server.start_s

    of = recipes(folder, TINY)
    for recipe in of.values():
        start_of(recipe)  # writes the bytecode, which an image has
    values = alternate(effort.starts, of, start_of)
    yield Row(name="server start to first answer", unit="s", values=values, gate=Gate(against=PLAIN, bound=1.0))


def memory_of_many(folder: Path, effort: Effort) -> Iterator[Row]:
    """What each of 500 further tiny models takes, all loaded at start."""
    body = a_request(TINY)

    @contextmanager
    def serving(models: int) -> Iterator[tuple[float, int]]:
        names = [f"m{number}" for number in range(models)]
        context = a_context(folder / f"{models}", PREDICTOR_OF_MANY, ModelsSpec(dir="models"))
        write_models(context / "models", TINY, names)
        with running(_asking(cxpack(context), "m0"), body, folder / "log") as server:
            time.sleep(1)
            yield server.resident_mb, server.status("Threads")

    with serving(FEW) as (few_mb, threads_of_few), serving(FEW + FURTHER) as (all_mb, threads_of_all):
        yield Row(
            name="memory of a further tiny model",
            unit="MB",
            values={OURS: [(all_mb - few_mb) / FURTHER]},
            gate=Gate(bound=0.1),
        )
        yield Row(
            name=f"threads of {FURTHER} further models",
            unit="threads",
            values={OURS: [float(threads_of_all - threads_of_few)]},
            gate=Gate(bound=0),
        )


def _asking(recipe: Recipe, model: str) -> Recipe:
    return Recipe(command=recipe.command, folder=recipe.folder, variables=recipe.variables, path=f"{recipe.path}?model={model}")
