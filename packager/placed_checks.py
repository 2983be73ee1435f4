"""What an API counts on that the place it was given lacks: said once it is placed, for elsewhere nothing is wrong with it."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from packager.counted_on import ACCESS_KEY, mentions
from packager.fault import Fault
from packager.imported import imports
from packager.own_modules import Module
from packager.requirement_pins import names
from packager.sizes import LambdaSize, Size, Target, memory_mib
from packager.spec import ApiSpec

HEAVY = ("fastai", "keras", "sentence-transformers", "tensorflow", "torch", "transformers")
"""Distributions that take, with the smallest of models, more memory than placement gives to an API that asks for none."""
ENOUGH_MIB = 2048
DOWNLOADS = ("sentence-transformers", "tensorflow-hub", "transformers")
"""Distributions that fetch the models they are asked for below HOME; the smallest of everyday use, gpt2, has 550 MB."""
NAMES: Mapping[Target, str] = {"lambda": "Lambda", "ecs": "ECS", "sagemaker": "SageMaker"}


def little_memory(api: ApiSpec, size: Size, modules: Sequence[Module], requirements: str) -> Iterator[Fault]:
    """Without `mem`, Cortex let an API have what its machine had left; here it gets the least that starts such an API."""
    memory = memory_mib(size)
    if memory is None or memory >= ENOUGH_MIB or api.compute.mem_mib or api.deploy.memory_mb:
        return
    heavy = _first(HEAVY, modules, requirements)
    if heavy is not None:
        where = "compute.mem or deploy.memory" if isinstance(size, LambdaSize) else "compute.mem"
        message = f"asks for no mem, and gets {size}; Cortex set no limit then, and {heavy} needs more: say how much in {where}"
        yield Fault("compute", "deploy.little_memory", message, severity="warning")


def little_storage(api: ApiSpec, size: Size, modules: Sequence[Module], requirements: str) -> Iterator[Fault]:
    """On Lambda, /tmp holds what a predictor downloads, and little of it."""
    if not isinstance(size, LambdaSize) or api.deploy.ephemeral_storage_mb is not None:
        return
    fetches = _first(DOWNLOADS, modules, requirements)
    if fetches is not None:
        message = f"{fetches} keeps what it downloads in /tmp, which has {size.ephemeral_storage_mb} MB; Cortex set no limit"
        yield Fault("deploy", "deploy.little_storage", f"{message}: say how much in deploy.ephemeral_storage", severity="warning")


def _first(distributions: Sequence[str], modules: Sequence[Module], requirements: str) -> str | None:
    """The first of the distributions that is imported or required."""
    used = {name for _, name in names(requirements)} | {
        each.name.replace("_", "-") for module in modules for each in imports(module.source)
    }
    return next((name for name in distributions if name in used), None)


def access_key(target: Target, modules: Sequence[Module], variables: Collection[str]) -> Iterator[Fault]:
    """Cortex set the keys of a user; here the API has a role, whose keys ECS and SageMaker hand out by address."""
    if target == "lambda" or ACCESS_KEY in variables:
        return
    for module in modules:
        line = mentions(module.source, ACCESS_KEY)
        if line is not None:
            place = f"{module.path}:{line} asks for {ACCESS_KEY}, which Cortex set and {NAMES[target]} does not"
            message = (
                f"{place}; a boto3 client needs none, for it finds the API's role, and an unsigned one reads public buckets only"
            )
            yield Fault("predictor.path", "deploy.access_key", message, severity="warning")
