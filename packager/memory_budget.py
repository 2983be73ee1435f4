"""The byte budget of a model cache beside the memory that placement gives: said before the kernel says it."""

from collections.abc import Iterator

from packager.fault import Fault
from packager.sizes import EcsSize, LambdaSize, Size
from packager.spec import ApiSpec

HEADROOM = 1 / 8
"""Of the memory: what the runtime keeps for requests where nobody sets a budget."""


def budget_fits(api: ApiSpec, size: Size) -> Iterator[Fault]:
    """A warning where `deploy.cache_bytes` is more than the runtime would let models take by itself."""
    models = api.served.predictor.models
    memory = _memory_bytes(size)
    if models is None or models.cache_bytes is None or memory is None or api.served.accelerator != "cpu":
        return
    room = int(memory * (1 - HEADROOM))
    if models.cache_bytes > room:
        message = (
            f"{_mib(models.cache_bytes)} of models do not fit into {_mib(memory)}, of which requests need some, too: the process "
            f"may be killed; raise compute.mem, or lower it to {_mib(room)} or less"
        )
        yield Fault("deploy.cache_bytes", "deploy.cache_above_memory", message, ("compute.mem",), severity="warning")


def _memory_bytes(size: Size) -> int | None:
    """What one copy of the API gets; None where that is a whole instance."""
    if isinstance(size, LambdaSize):
        return size.memory_mb << 20
    return size.memory_mib << 20 if isinstance(size, EcsSize) else None


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"
