"""What must hold between the APIs of one file; see `rules` for what holds within one."""

from collections.abc import Callable, Iterator, Sequence

from packager.endpoint_rules import splitters_split_behind_the_gateway
from packager.fault import Fault
from packager.spec import ApiSpec

FileRule = Callable[[Sequence[ApiSpec]], Iterator[tuple[ApiSpec, Fault]]]


def names_are_unique(apis: Sequence[ApiSpec]) -> Iterator[tuple[ApiSpec, Fault]]:
    """No two entries have one name, whatever their kinds."""
    seen: dict[str, ApiSpec] = {}
    for api in apis:
        if api.name and api.name in seen:
            message = f'"{api.name}" names the entry in line {seen[api.name].line} already; rename one of them'
            yield api, Fault("name", "spec.duplicate_name", message)
        seen.setdefault(api.name, api)


def endpoints_are_unique(apis: Sequence[ApiSpec]) -> Iterator[tuple[ApiSpec, Fault]]:
    """No two APIs answer at one path."""
    seen: dict[str, ApiSpec] = {}
    for api in apis:
        endpoint = api.networking.endpoint
        other = seen.get(endpoint)
        if other is not None and api.name and other.name != api.name:
            message = f"{endpoint} is the endpoint of {other.name} (line {other.line}) already; change one of them"
            yield api, Fault("networking.endpoint", "spec.duplicate_endpoint_in_one_deploy", message, ("name",))
        seen.setdefault(endpoint, api)


def splitters_split_realtime_apis(apis: Sequence[ApiSpec]) -> Iterator[tuple[ApiSpec, Fault]]:
    """The APIs of a splitter are RealtimeAPIs of the same file."""
    kinds = {api.name: api.kind for api in apis}
    for api in apis:
        for number, split in enumerate(api.splits):
            kind = kinds.get(split.name)
            if split.name and kind != "RealtimeAPI":
                what = "is not in this file" if kind is None else f"is a {kind}"
                at = f"apis[{number}].name"
                yield (
                    api,
                    Fault(at, "resources.apis_not_deployed", f'"{split.name}" {what}; name a RealtimeAPI of this file', (at,)),
                )


FILE_RULES: Sequence[FileRule] = (
    names_are_unique,
    endpoints_are_unique,
    splitters_split_realtime_apis,
    splitters_split_behind_the_gateway,
)
