"""A cache without `cache_bytes` in a container that is smaller than its models: nothing is killed, and the memory is used."""

import os
import random
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import httpx

from runtime_handler.contract import MODELS_SHARE, ModelsSpec
from tests.faults.memory_group import memory_group
from tests.runtime_handler.harness import Server, a_spec, serving, write_context

SECONDS = int(os.environ.get("CXPACK_GATE_BUDGET", "0"))
"""How long models of 50 to 400 MB are asked for in 2 GiB; 0: a few requests to models an eighth as large, in an eighth of it."""

MIB = 1 << 20
LIMIT = 2048 * MIB if SECONDS else 256 * MIB
SIZES = (50 * MIB, 400 * MIB) if SECONDS else (6 * MIB, 50 * MIB)
MODELS = [f"m{number}" for number in range(14)]
CLIENTS, REQUESTS = 4, 30

READS_ALL = """
import numpy

class PythonPredictor:
    def __init__(self, config, python_client):
        self.client = python_client

    def load_model(self, model_path):
        return numpy.fromfile(model_path + "/model", dtype="uint8")

    def predict(self, payload):
        model = self.client.get_model(payload)
        return [int(model[0]), int(model[::4096].sum())]
"""


class Answers(NamedTuple):
    """What one client got: how many answers of each status, and what part of the budget was in use after each."""

    statuses: Counter[int]
    shares: list[float]


def write_models(folder: Path) -> int:
    """Files that differ in their first byte, and else are holes, which take no disk but all of their memory. Their bytes."""
    chooser = random.Random(1)
    sizes = [chooser.randint(*SIZES) for _ in MODELS]
    for number, (name, size) in enumerate(zip(MODELS, sizes, strict=True)):
        (folder / name).mkdir(parents=True)
        with (folder / name / "model").open("wb") as file:
            file.write(bytes([number]))
            file.truncate(size)
    return sum(sizes)


def budget_of(server: Server) -> int:
    """Bytes that its models may take in memory, as it says at its start."""
    told = re.search(r"loaded models may take (\d+) MiB of this process's (\d+)", server.stderr)
    assert told is not None, server.stderr
    assert int(told[2]) * MIB == LIMIT
    return int(told[1]) * MIB


def peak_bytes(server: Server) -> int:
    """The most memory that the process ever had."""
    [line] = [line for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) << 10


def share_in_use(client: httpx.Client) -> float:
    """The part of the budget that is taken by models in memory and those that are being loaded into it."""
    memory = client.get("/-/status").json()["cache"]["memory"]
    share: float = memory["bytes"] / memory["budget"]
    return share


def ask(url: str, names: list[str], goes_on: Callable[[int], bool], seed: int) -> Answers:
    """Ask for models in random order, in turn with what they take."""
    chooser, answers = random.Random(seed), Answers(Counter(), [])
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        while goes_on(answers.statuses.total()):
            name = chooser.choice(names)
            answer = client.post("/iris", json=name)
            answers.statuses[answer.status_code] += 1
            assert answer.status_code != 200 or answer.json() == [MODELS.index(name)] * 2, answer.text
            answers.shares.append(share_in_use(client))
    return answers


def test_models_larger_than_memory_use_what_there_is_and_no_more(tmp_path: Path) -> None:
    """Answers are right or 503, the process stays within what models may have of its memory, and uses most of that."""
    with TemporaryDirectory(dir=tmp_path) as folder, memory_group(LIMIT) as group:
        models, store = Path(folder, "models"), Path(folder, "store")
        total = write_models(models)
        spec = a_spec(
            models=ModelsSpec(dir=str(models), cache_size=len(MODELS), disk_cache_size=len(MODELS)), threads_per_process=4
        )
        context = write_context(Path(folder, "context"), {"predictor.py": READS_ALL}, spec)
        environment = {
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(LIMIT // MIB),
            "CXPACK_MODEL_STORE": str(store),
            "CXPACK_SETTLE_SECONDS": "0",
        }
        with serving(context, launcher=group.launcher if group else (), **environment) as server:
            budget = budget_of(server)
            ask(server.url, MODELS, lambda asked: asked < len(MODELS), 0)  # memory is full from here on
            end = time.monotonic() + SECONDS
            with ThreadPoolExecutor(CLIENTS) as threads:
                goes_on = (lambda _: time.monotonic() < end) if SECONDS else (lambda asked: asked < REQUESTS)
                clients = [threads.submit(ask, server.url, MODELS, goes_on, seed) for seed in range(1, CLIENTS + 1)]
            answers = [client.result() for client in clients]
            peak = peak_bytes(server)
            assert server.process.poll() is None
        kills = group.kills if group else 0
    statuses = sum((each.statuses for each in answers), Counter[int]())
    shares = sorted(share for each in answers for share in each.shares)
    median, least = statistics.median(shares), shares[len(shares) // 20]
    print(
        f"{dict(statuses)} answers of models of {SIZES[0] // MIB} to {SIZES[1] // MIB} MiB, {total // MIB} MiB together, in "
        f"{LIMIT // MIB} MiB ({'a control group' if group else 'no control group'}): {kills} kills, at most {peak // MIB} MiB; "
        f"{median:.0%} of the budget of {budget // MIB} MiB in use in the middle, {least:.0%} at the 5th percentile"
    )
    assert statuses.keys() <= {200, 503}
    assert statuses[200] > statuses[503]
    assert kills == 0
    assert peak <= LIMIT * MODELS_SHARE
    assert median >= 0.7
