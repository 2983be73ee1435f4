"""What must hold between the keys of an API: one named function per rule, all of them in RULES.

A rule sees the spec only, never the disk; `file_rules` has those between the APIs of a file.
"""

from collections.abc import Callable, Iterator, Sequence

from packager.deploy_rules import DEPLOY_RULES
from packager.endpoint_rules import ENDPOINT_RULES
from packager.fault import Fault
from packager.grammar import SECTIONS, walk
from packager.model_rules import MODEL_RULES
from packager.spec import ApiSpec
from runtime_handler.contract import ModelsSpec, PredictorSpec

Rule = Callable[[ApiSpec], Iterator[Fault]]


def _predictor(api: ApiSpec) -> PredictorSpec | None:
    return None if api.serve is None else api.serve.predictor


def _models(api: ApiSpec) -> ModelsSpec | None:
    return None if api.serve is None else api.serve.predictor.models


def batch_kind_has_one_worker_thread_and_no_cache(api: ApiSpec) -> Iterator[Fault]:
    """Some keys have their default value in a BatchAPI."""
    predictor = _predictor(api)
    if predictor is None or api.kind != "BatchAPI":
        return
    models = predictor.models
    for at, used in (
        ("predictor.models.cache_size", models is not None and models.cache_size is not None),
        ("predictor.models.disk_cache_size", models is not None and models.disk_cache_size is not None),
        ("deploy.cache_bytes", models is not None and models.cache_bytes is not None),
        ("deploy.disk_cache_bytes", models is not None and models.disk_cache_bytes is not None),
        ("predictor.processes_per_replica", predictor.processes_per_replica > 1),
        ("predictor.threads_per_process", predictor.threads_per_process > 1),
        ("predictor.server_side_batching", predictor.batching is not None),
    ):
        if used:
            yield Fault(at, "spec.key_is_not_supported_for_kind", "is not for kind BatchAPI; remove it", ("kind",))


def keys_fit_the_predictor_type(api: ApiSpec) -> Iterator[Fault]:
    """Keys that the grammar gives to some predictor types are used with those."""
    predictor = _predictor(api)
    if predictor is None:
        return
    for path, each in walk(SECTIONS[api.kind]):
        if not each.predictor_types or predictor.type in each.predictor_types:
            continue
        count = len(predictor.models.paths) if predictor.models is not None else 0
        for at in [path.replace("[]", f"[{number}]") for number in range(count)] if "[]" in path else [path]:
            if at in api.places and not (at == "compute.inf" and api.compute.inf == 0):
                message = f"is not for {predictor.type} predictors, only for {' and '.join(each.predictor_types)}; remove it"
                yield Fault(at, "spec.field_not_supported_by_predictor_type", message, ("predictor.type",))


def batches_fit_the_concurrency(api: ApiSpec) -> Iterator[Fault]:
    """A batch can fill up: at least `max_batch_size` requests are worked on at once."""
    predictor = _predictor(api)
    if predictor is None or predictor.batching is None or api.kind == "BatchAPI":
        return
    size, processes, threads = predictor.batching.max_batch_size, predictor.processes_per_replica, predictor.threads_per_process
    needs = ("predictor.processes_per_replica", "predictor.threads_per_process", "compute.inf", "predictor.server_side_batching")
    at = "predictor.server_side_batching.max_batch_size"
    if api.compute.inf and size > threads:
        message = f"{size} is more than threads_per_process ({threads}); raise threads_per_process to {size}"
        yield Fault(at, "spec.insufficient_batch_concurrency_level_inf", message, needs)
    elif not api.compute.inf and size > processes * threads:
        message = (
            f"{size} is more than processes_per_replica x threads_per_process ({processes * threads}); raise threads_per_process"
        )
        yield Fault(at, "spec.insufficient_batch_concurrency_level", message, needs)


def one_kind_of_accelerator(api: ApiSpec) -> Iterator[Fault]:
    """GPUs or Inferentia chips."""
    if api.compute.gpu and api.compute.inf:
        yield Fault("compute.inf", "spec.compute_resource_conflict", "stands beside gpu; keep one of them", ("compute.gpu",))


def inferentia_chips_are_shared_evenly(api: ApiSpec) -> Iterator[Fault]:
    """At most one chip, whose four cores divide among the processes."""
    predictor = _predictor(api)
    if api.compute.inf > 1:
        yield Fault("compute.inf", "spec.invalid_number_of_infs", f"{api.compute.inf} chips are asked for; 1 is the most")
    elif api.compute.inf == 1 and predictor is not None and predictor.processes_per_replica not in (1, 2, 4):
        message = f"{predictor.processes_per_replica} processes cannot share a chip's 4 cores evenly; use 1, 2 or 4"
        yield Fault("predictor.processes_per_replica", "spec.invalid_number_of_inf_processes", message, ("compute.inf",))


def replica_counts_are_in_order(api: ApiSpec) -> Iterator[Fault]:
    """Min <= init <= max."""
    scaling, least, first, most = (
        api.autoscaling,
        "autoscaling.min_replicas",
        "autoscaling.init_replicas",
        "autoscaling.max_replicas",
    )
    if scaling.min_replicas > scaling.max_replicas:
        message = f"min_replicas ({scaling.min_replicas}) is more than max_replicas ({scaling.max_replicas})"
        yield Fault(least, "spec.min_replicas_greater_than_max", message, (most,))
    if first not in api.places:
        return
    if scaling.init_replicas > scaling.max_replicas:
        message = f"init_replicas ({scaling.init_replicas}) is more than max_replicas ({scaling.max_replicas})"
        yield Fault(first, "spec.init_replicas_greater_than_max", message, (most,))
    if scaling.init_replicas < scaling.min_replicas:
        message = f"init_replicas ({scaling.init_replicas}) is less than min_replicas ({scaling.min_replicas})"
        yield Fault(first, "spec.init_replicas_less_than_min", message, (least,))


def target_concurrency_is_allowed_concurrency(api: ApiSpec) -> Iterator[Fault]:
    """`target_replica_concurrency` is at most `max_replica_concurrency`."""
    scaling = api.autoscaling
    if scaling.target_replica_concurrency > scaling.max_replica_concurrency:
        message = (
            f"target_replica_concurrency ({scaling.target_replica_concurrency:g}) is more than "
            f"max_replica_concurrency ({scaling.max_replica_concurrency})"
        )
        needs = ("autoscaling.max_replica_concurrency", "predictor.processes_per_replica", "predictor.threads_per_process")
        yield Fault("autoscaling.target_replica_concurrency", "spec.config_greater_than_other_config", message, needs)


def an_update_can_make_progress(api: ApiSpec) -> Iterator[Fault]:
    """`max_surge` and `max_unavailable` are not both zero."""
    strategy = api.update_strategy
    if strategy.max_surge.amount == 0 and strategy.max_unavailable.amount == 0:
        message = "max_surge and max_unavailable are both zero, so no replica could ever be replaced; raise one of them"
        needs = ("update_strategy.max_surge", "update_strategy.max_unavailable")
        yield Fault("update_strategy", "spec.surge_and_unavailable_both_zero", message, needs)


def waking_from_zero_needs_the_gateway(api: ApiSpec) -> Iterator[Fault]:
    """`min_replicas: 0` needs a public route, whose requests wake the API."""
    if api.autoscaling.min_replicas == 0 and api.networking.api_gateway == "none" and api.deploy.target != "sagemaker":
        message = "0 replicas with api_gateway: none could never be woken; use at least 1, or api_gateway: public"
        yield Fault("autoscaling.min_replicas", "deploy.cannot_wake", message, ("networking.api_gateway",))


NOT_DEPLOYED = ("BatchAPI",)
"""Kinds that are checked in full and left out of what is deployed."""


def the_kind_is_deployed(api: ApiSpec) -> Iterator[Fault]:
    """What `synth` leaves out is said."""
    if api.kind in NOT_DEPLOYED:
        message = f"{api.kind} is checked, but deploying it is not built yet; it is left out"
        yield Fault("kind", "deploy.kind_not_deployed", message, severity="warning")


def weights_add_up(api: ApiSpec) -> Iterator[Fault]:
    """A splitter's weights total 100, each API once."""
    if api.kind != "TrafficSplitter":
        return
    total = sum(split.weight for split in api.splits)
    if total != 100:
        message = f"the weights add up to {total}; they must add up to 100"
        needs = tuple(f"apis[{number}].weight" for number in range(len(api.splits)))
        yield Fault("apis", "spec.incorrect_traffic_splitter_weight", message, needs)
    seen: set[str] = set()
    for number, split in enumerate(api.splits):
        if split.name in seen:
            at = f"apis[{number}].name"
            yield Fault(at, "spec.traffic_splitter_apis_not_unique", f'"{split.name}" is listed twice; keep one', (at,))
        seen.add(split.name)


OURS = ("/ping", "/-")
"""Paths that the runtime answers itself: SageMaker's health check, and everything below `/-/`."""


def the_endpoint_is_free(api: ApiSpec) -> Iterator[Fault]:
    """No API takes a path of the runtime's own."""
    endpoint = api.networking.endpoint
    for taken in OURS:
        if endpoint == taken or (taken == "/-" and endpoint.startswith("/-/")):
            message = f"{endpoint} is a path that every API answers itself; choose another"
            yield Fault("networking.endpoint", "deploy.reserved_endpoint", message)


def the_name_is_free(api: ApiSpec) -> Iterator[Fault]:
    """No API has the name of the stack that all of them share."""
    if api.name == "shared":
        yield Fault("name", "deploy.reserved_name", "shared is the name of the stack that all APIs share; choose another")


RULES: Sequence[Rule] = (
    the_kind_is_deployed,
    the_name_is_free,
    *MODEL_RULES,
    batch_kind_has_one_worker_thread_and_no_cache,
    keys_fit_the_predictor_type,
    batches_fit_the_concurrency,
    one_kind_of_accelerator,
    inferentia_chips_are_shared_evenly,
    replica_counts_are_in_order,
    target_concurrency_is_allowed_concurrency,
    an_update_can_make_progress,
    waking_from_zero_needs_the_gateway,
    weights_add_up,
    the_endpoint_is_free,
    *DEPLOY_RULES,
    *ENDPOINT_RULES,
)
"""The rules for one API, in the order of the file's sections."""
