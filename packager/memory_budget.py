"""The byte budget of a model cache beside the memory that placement gives: said before the kernel says it."""

from collections.abc import Iterator

from packager.fault import Fault
from packager.sizes import Size, memory_mib
from packager.spec import ApiSpec
from runtime_handler.contract import MODELS_SHARE


def budget_fits(api: ApiSpec, size: Size) -> Iterator[Fault]:
    """A warning where `deploy.cache_bytes` is more than the runtime would let models take by itself."""
    models = api.served.predictor.models
    mib = memory_mib(size)
    if models is None or models.cache_bytes is None or mib is None or api.served.accelerator != "cpu":
        return
    memory = mib << 20
    room = int(memory * MODELS_SHARE)
    if models.cache_bytes > room:
        message = (
            f"{_mib(models.cache_bytes)} of models do not fit into {_mib(memory)}, of which requests need some, too: the process "
            f"may be killed; raise compute.mem, or lower it to {_mib(room)} or less"
        )
        yield Fault("deploy.cache_bytes", "deploy.cache_above_memory", message, ("compute.mem",), severity="warning")


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"
