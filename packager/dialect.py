"""Every release's spelling of cortex.yaml, brought to the one that the grammar knows; nowhere else is age dealt with.

A value that moves keeps its line and path, so that whatever is said of it later is said in the user's own spelling.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from packager.fields import Reader
from packager.tree import Node

Entry = dict[str, Node]


class Move(NamedTuple):
    """A key that other releases spelt `old` and the grammar spells `new`; `era` names those releases."""

    old: str
    new: str
    era: str


MOVES = (
    Move("tracker", "monitoring", "0.8-0.16"),
    Move("endpoint", "networking.endpoint", "0.10-0.17"),
    Move("local_port", "networking.local_port", "0.16-0.17"),
    Move("predictor.model", "predictor.model_path", "0.12-0.17"),
    Move("predictor.metadata", "predictor.config", "0.10-0.11"),
    Move("predictor.multi_model_reloading", "predictor.models", "0.25 and later"),
    Move("autoscaling.workers_per_replica", "predictor.processes_per_replica", "0.14-0.17"),
    Move("autoscaling.threads_per_worker", "predictor.threads_per_process", "0.14-0.17"),
    Move("compute.min_replicas", "autoscaling.min_replicas", "0.8-0.13"),
    Move("compute.max_replicas", "autoscaling.max_replicas", "0.8-0.13"),
    Move("compute.init_replicas", "autoscaling.init_replicas", "0.8-0.13"),
    Move("compute.target_cpu_utilization", "autoscaling.target_cpu_utilization", "0.8-0.13"),
    Move("compute.max_surge", "update_strategy.max_surge", "0.13"),
    Move("compute.max_unavailable", "update_strategy.max_unavailable", "0.13"),
)


Age = Literal["old", "new"]
_CODES: Mapping[Age, str] = {"old": "cxpack.cortex_too_old", "new": "cxpack.cortex_too_new"}

SHAPES: Mapping[str, tuple[Age, str]] = {
    "tensorflow": ("old", "Cortex 0.10-0.11's block; write predictor with type: tensorflow, a path and model_path"),
    "onnx": ("old", "Cortex 0.10-0.11's block; write predictor with type: onnx, a path and model_path"),
    "model": ("old", "a key of Cortex 0.8-0.9; write predictor with a type, a path and model_path"),
    "request_handler": ("old", "a key of Cortex 0.8-0.9; write a Predictor class and name its file in predictor.path"),
    "handler": ("new", "a key of Cortex 0.34 and later; write predictor, and a class with predict for its handle_* methods"),
    "pod": ("new", "a key of Cortex 0.36 and later, which runs your own containers; write predictor, and a Predictor class"),
    "definition": ("new", "a key of Cortex 0.27 and later, for tasks; they have no equivalent here"),
}
"""Top-level keys that make an entry one of another age; nothing else in it is worth checking."""

KINDS: Mapping[str, tuple[Age, str]] = {
    "deployment": (
        "old",
        "is of Cortex 0.8-0.12; remove the entry, and write networking.endpoint where URLs began with its name",
    ),
    "api": ("old", "is of Cortex 0.8-0.12; write RealtimeAPI, or remove the key"),
    "SyncAPI": ("old", "was never released; write RealtimeAPI"),
    "APISplitter": ("old", "was never released; write TrafficSplitter"),
    "AsyncAPI": ("new", "is of Cortex 0.31 and later and has no equivalent here; write RealtimeAPI"),
    "TaskAPI": ("new", "is of Cortex 0.27 and later and has no equivalent here; remove the entry"),
}
"""Kinds of other ages, looked at after the old shapes, which say more, and before the new ones."""

KEYS: Mapping[str, tuple[Age, str]] = {
    "tags": ("old", "a key of Cortex 0.8-0.9; remove it"),
    "node_groups": ("new", "a key of Cortex 0.36 and later; remove it, and set deploy.instance_type where it matters"),
    "compute.node_groups": ("new", "a key of Cortex 0.34 and later; remove it, and set deploy.instance_type where it matters"),
    "compute.shm": ("new", "a key of Cortex 0.36 and later; write predictor.shm_size"),
    "autoscaling.target_in_flight": ("new", "a key of Cortex 0.36 and later; write target_replica_concurrency"),
    "predictor.dependencies": ("new", "a key of Cortex 0.30 and later; remove it, and use the files' usual names"),
    "predictor.protobuf_path": ("new", "a key of Cortex 0.32 and later; gRPC has no equivalent here"),
}
"""Keys of other ages in an entry that can be read otherwise."""
_SHADOW: tuple[Age, str] = ("new", "a key of Cortex 0.31 and later; mirrored requests have no equivalent here")


def normalise(node: Node, reader: Reader) -> Node | None:
    """The entry in the grammar's spelling, with a note for each key that was spelt otherwise.

    None when the entry is of an age that cannot be brought over; one error then says what to write instead.
    """
    entry: Entry = _copy(node.value)
    if _of_another_age(entry, reader):
        return None
    for move in MOVES:
        _move(entry, move, reader)
    _models(entry, reader)
    return Node(entry, node.line, node.path)


def _of_another_age(entry: Entry, reader: Reader) -> bool:
    """Report what cannot be brought over; whether that leaves nothing worth checking."""
    kind = entry.get("kind")
    verdicts = [(entry[key], verdict) for key, verdict in SHAPES.items() if key in entry]
    if kind is not None and isinstance(kind.value, str) and kind.value in KINDS:
        age, message = KINDS[kind.value]
        verdicts.append((kind, (age, f"{kind.value} {message}")))
    if verdicts:
        # of an old entry the shape says most, of a new one the kind
        found, (age, message) = next((each for each in verdicts if each[1][0] == "old"), verdicts[-1])
        reader.report(found, _CODES[age], message)
        return True
    for path, (age, message) in KEYS.items():
        stray = _take(entry, path)
        if stray is not None:
            reader.report(stray, _CODES[age], message)
    splits = entry.get("apis")
    if splits is not None and isinstance(splits.value, list):
        entry["apis"] = Node([kept for item in splits.value for kept in _unshadowed(item, reader)], splits.line, splits.path)
    return False


def _unshadowed(item: Node, reader: Reader) -> Iterator[Node]:
    """The split without its key `shadow`; none of one that is a shadow, whose weight is not a share of the requests."""
    if not isinstance(item.value, dict) or "shadow" not in item.value:
        yield item
        return
    age, message = _SHADOW
    reader.report(item.value["shadow"], _CODES[age], message)
    if item.value["shadow"].value is True:
        return
    yield Node({key: value for key, value in item.value.items() if key != "shadow"}, item.line, item.path)


def _copy(entry: Entry) -> Entry:
    """The entry with its sections copied, so that keys can be moved without a trace in the document."""
    return {
        key: Node(dict(child.value), child.line, child.path) if isinstance(child.value, dict) else child
        for key, child in entry.items()
    }


def _take(entry: Entry, path: str) -> Node | None:
    section, _, key = path.rpartition(".")
    if not section:
        return entry.pop(key, None)
    holder = entry.get(section)
    return holder.value.pop(key, None) if holder is not None and isinstance(holder.value, dict) else None


def _move(entry: Entry, move: Move, reader: Reader) -> None:
    found = _take(entry, move.old)
    if found is None:
        return
    section, _, key = move.new.rpartition(".")
    target = entry
    if section:
        holder = entry.get(section)
        if holder is None or holder.value is None:
            holder = entry[section] = Node({}, found.line, found.path)
        if not isinstance(holder.value, dict):
            return
        target = holder.value
    if key in target:
        reader.report(
            found, "spec.conflicting_fields", f"says the same as {move.new} in line {target[key].line}; remove this one"
        )
        return
    target[key] = found
    reader.report(
        found, "cxpack.other_spelling", f"written as in Cortex {move.era}; the current spelling is {move.new}", severity="note"
    )


def _models(entry: Entry, reader: Reader) -> None:
    """`models` as a list (0.18-0.21), `models.path` (0.25), and both spellings of a path in `paths`."""
    predictor = entry.get("predictor")
    models = predictor.value.get("models") if predictor is not None and isinstance(predictor.value, dict) else None
    if predictor is None or models is None:
        return
    if isinstance(models.value, list):
        message = "written as in Cortex 0.18-0.21; the current spelling is models.paths"
        reader.report(models, "cxpack.other_spelling", message, severity="note")
        models = Node({"paths": models}, models.line, models.path)
    elif isinstance(models.value, dict):
        models = Node(dict(models.value), models.line, models.path)
        if "path" in models.value:
            message = "written as in Cortex 0.25 and later; the current spelling is predictor.model_path"
            reader.report(models.value["path"], "cxpack.other_spelling", message, severity="note")
    else:
        return
    paths = models.value.get("paths")
    if paths is not None and isinstance(paths.value, list):
        models.value["paths"] = Node([_model(item, reader) for item in paths.value], paths.line, paths.path)
    predictor.value["models"] = models


def _model(item: Node, reader: Reader) -> Node:
    if not isinstance(item.value, dict) or "model_path" not in item.value:
        return item
    value = dict(item.value)
    path = value.pop("model_path")
    if "path" in value:
        reader.report(path, "spec.conflicting_fields", f"says the same as path in line {value['path'].line}; remove one of them")
    return Node({"path": path} | value, item.line, item.path)
