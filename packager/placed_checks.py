"""What an API counts on that the place it was given lacks: said once it is placed, for elsewhere nothing is wrong with it."""

from collections.abc import Collection, Iterator, Mapping

from packager.counted_on import ACCESS_KEY, mentions
from packager.fault import Fault
from packager.imported import imports
from packager.requirement_pins import names
from packager.sizes import EcsSize, LambdaSize, Size, Target
from packager.spec import ApiSpec

HEAVY = ("fastai", "keras", "sentence-transformers", "tensorflow", "torch", "transformers")
"""Distributions that take, with the smallest of models, more memory than placement gives to an API that asks for none."""
ENOUGH_MIB = 2048
NAMES: Mapping[Target, str] = {"lambda": "Lambda", "ecs": "ECS", "sagemaker": "SageMaker"}


def little_memory(api: ApiSpec, size: Size, source: bytes, requirements: str) -> Iterator[Fault]:
    """Without `mem`, Cortex let an API have what its machine had left; here it gets the least that starts such an API."""
    given = {LambdaSize: "memory_mb", EcsSize: "memory_mib"}.get(type(size))  # an endpoint has an instance to itself
    memory = None if given is None else getattr(size, given)
    if memory is None or memory >= ENOUGH_MIB or api.compute.mem_mib or api.deploy.memory_mb:
        return
    used = {name for _, name in names(requirements)} | {each.name.replace("_", "-") for each in imports(source)}
    heavy = next((name for name in HEAVY if name in used), None)
    if heavy is not None:
        where = "compute.mem or deploy.memory" if isinstance(size, LambdaSize) else "compute.mem"
        message = f"asks for no mem, and gets {size}; Cortex set no limit then, and {heavy} needs more: say how much in {where}"
        yield Fault("compute", "deploy.little_memory", message, severity="warning")


def access_key(api: ApiSpec, target: Target, source: bytes, variables: Collection[str]) -> Iterator[Fault]:
    """Cortex set the keys of a user; here the API has a role, whose keys ECS and SageMaker hand out by address."""
    line = None if target == "lambda" or ACCESS_KEY in variables else mentions(source, ACCESS_KEY)
    if line is not None:
        place = f"{api.served.predictor.path}:{line} asks for {ACCESS_KEY}, which Cortex set and {NAMES[target]} does not"
        message = (
            f"{place}; a boto3 client needs none, for it finds the API's role, and an unsigned one reads public buckets only"
        )
        yield Fault("predictor.path", "deploy.access_key", message, severity="warning")
