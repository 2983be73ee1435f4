"""Every release's spelling of cortex.yaml, brought to the one that the grammar knows; nowhere else is age dealt with.

A value that moves keeps its line and path, so that whatever is said of it later is said in the user's own spelling.
"""

from dataclasses import dataclass
from typing import Literal

from packager.document import Node
from packager.fields import Reader

Entry = dict[str, Node]


@dataclass(frozen=True, slots=True)
class Move:
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


@dataclass(frozen=True, slots=True)
class Foreign:
    """A key or kind that cannot be brought over. `whole` ends the checks of its entry: the rest is of that age too."""

    path: str
    age: Literal["old", "new"]
    message: str
    whole: bool = False


FOREIGN = (
    Foreign(
        "tensorflow",
        "old",
        "Cortex 0.10-0.11's tensorflow block; write predictor with type: tensorflow, a path and model_path",
        True,
    ),
    Foreign("onnx", "old", "Cortex 0.10-0.11's onnx block; write predictor with type: onnx, a path and model_path", True),
    Foreign("model", "old", "a key of Cortex 0.8-0.9; write predictor with a type, a path and model_path", True),
    Foreign(
        "request_handler", "old", "a key of Cortex 0.8-0.11; write a Predictor class and name its file in predictor.path", True
    ),
    Foreign(
        "handler",
        "new",
        "a key of Cortex 0.34 and later; write predictor, and a Predictor class with predict for each handle_* method",
        True,
    ),
    Foreign(
        "pod",
        "new",
        "a key of Cortex 0.36 and later, which runs containers of yours; write predictor with a Predictor class",
        True,
    ),
    Foreign("definition", "new", "a key of Cortex 0.27 and later (TaskAPI); tasks have no equivalent here", True),
    Foreign("tags", "old", "a key of Cortex 0.8-0.9; remove it"),
    Foreign("node_groups", "new", "a key of Cortex 0.36 and later; remove it, and set deploy.instance_type where it matters"),
    Foreign(
        "compute.node_groups", "new", "a key of Cortex 0.34 and later; remove it, and set deploy.instance_type where it matters"
    ),
    Foreign("predictor.dependencies", "new", "a key of Cortex 0.30 and later; remove it, and use the files' usual names"),
    Foreign("predictor.protobuf_path", "new", "a key of Cortex 0.32 and later; gRPC has no equivalent here"),
)

KINDS_ELSEWHERE = {
    "deployment": (
        "old",
        "Cortex 0.8-0.12's deployment entry; remove it, and write networking.endpoint where the URL began with its name",
    ),
    "api": ("old", "Cortex 0.8-0.12's name for it; write RealtimeAPI, or remove the key"),
    "AsyncAPI": ("new", "of Cortex 0.31 and later; there is no equivalent here, write RealtimeAPI"),
    "TaskAPI": ("new", "of Cortex 0.27 and later; tasks have no equivalent here, remove the entry"),
    "SyncAPI": ("old", "an unreleased name; write RealtimeAPI"),
    "APISplitter": ("old", "an unreleased name; write TrafficSplitter"),
}
_CODES = {"old": "cxpack.cortex_too_old", "new": "cxpack.cortex_too_new"}


def normalise(node: Node, reader: Reader) -> Node | None:
    """The entry in the grammar's spelling, with a note for each key that was spelt otherwise.

    None when the entry is of an age that cannot be brought over; one error then says what to write instead.
    """
    entry: Entry = _copy(node.value)
    kind = entry.get("kind")
    if kind is not None and kind.value in KINDS_ELSEWHERE:
        age, message = KINDS_ELSEWHERE[kind.value]
        reader.report(kind, _CODES[age], f"{kind.value} is {message}")
        return None
    for foreign in FOREIGN:
        found = _take(entry, foreign.path)
        if found is not None:
            reader.report(found, _CODES[foreign.age], foreign.message)
            if foreign.whole:
                return None
    for move in MOVES:
        _move(entry, move, reader)
    _models(entry, reader)
    return Node(entry, node.line, node.path)


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
