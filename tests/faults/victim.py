"""A process that keeps loading, evicting and updating models until it is killed: `python -m tests.faults.victim STORE SEED`."""

import random
import sys
from pathlib import Path

from runtime_handler.models.manager import Manager
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket

MODELS = [f"m{number}" for number in range(6)]
FILES = [f"part{number}" for number in range(4)]
MEMORY, DISK = 2, 3


def content(name: str, generation: int) -> str:
    """One file of a model: long enough for several writes, and telling what it belongs to."""
    return f"{name}.{generation};" * 20_000


def a_store(generation: int = 0) -> FakeBucket:
    """The bucket, every model in one generation."""
    return FakeBucket(Clock(), {f"models/{name}/1/{file}": content(name, generation) for name in MODELS for file in FILES})


def load(path: Path, name: str) -> str:
    """The model's name and generation. Raises AssertionError when the folder is not all of one generation of that model."""
    texts = {file.name: file.read_text() for file in path.iterdir()}
    word = texts[FILES[0]].split(";")[0]
    assert texts == {file: content(name, int(word.split(".")[1])) for file in FILES}, f"torn model in {path}"
    return word


def manager_of(store: Path, bucket: FakeBucket) -> Manager:
    """The manager that the victim and its successor run."""
    return a_manager(store, bucket, cache=(MEMORY, DISK), load=load)


def main(store: Path, seed: int) -> None:
    """Never ends."""
    chooser = random.Random(seed)
    bucket = a_store()
    manager = manager_of(store, bucket)
    manager.start()
    print("started", flush=True)
    generation = 0
    while True:
        manager.get(chooser.choice(MODELS))
        if chooser.random() < 0.3:
            generation += 1
            name = chooser.choice(MODELS)
            for file in FILES:
                bucket.put(f"models/{name}/1/{file}", content(name, generation))
            for _ in range(2):
                bucket.clock.sleep(10)
                manager.tick()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
