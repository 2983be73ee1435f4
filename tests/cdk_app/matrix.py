"""Specs for the stacks: every way to place, scale and reach an API, and the rest of what stacks depend on in pairs.

A row names one choice of every dimension. All allowed rows of CORE are there; the other dimensions are filled in, and rows
added, until every two choices that go together stand in a row together: most mistakes need no third.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations, product
from typing import Any

Row = dict[str, str]
Entry = dict[str, Any]

CHOICES: Mapping[str, Mapping[str, Entry]] = {
    "place": {
        "function": {"compute": {"cpu": 1}},
        "fargate": {"deploy": {"target": "ecs"}},
        "gpu": {"compute": {"gpu": 1, "mem": "4G"}},
        "inf": {"compute": {"inf": 1}},
        "endpoint": {"deploy": {"target": "sagemaker"}},
    },
    "scaling": {
        "from one": {},
        "from none": {"autoscaling": {"min_replicas": 0}},
        "fixed": {"autoscaling": {"min_replicas": 3, "max_replicas": 3, "target_replica_concurrency": 0.5}},
    },
    "networking": {"public": {}, "inside": {"networking": {"api_gateway": "none"}}},
    "endpoint": {"its name": {}, "a path": {"networking": {"endpoint": "v1/things.of-NAME"}}},
    "package": {"image": {}, "zip": {"deploy": {"package": "zip"}}},
    "architecture": {"x86_64": {}, "arm64": {"deploy": {"architecture": "arm64"}}},
    "readiness": {
        "on demand": {},
        "provisioned": {"deploy": {"provisioned_concurrency": 2}},
        "reserved": {"deploy": {"reserved_concurrency": 8, "provisioned_concurrency": 1}},
        "snapshot": {"deploy": {"snap_start": True}},
    },
    "auth": {
        "none": {},
        "iam": {"deploy": {"auth": "iam"}},
        "jwt": {"deploy": {"auth": {"type": "jwt", "issuer": "https://issuer.example", "audience": ["app", "web"]}}},
    },
    "throttle": {"shared": {}, "own": {"deploy": {"throttle": {"rate": 0.5, "burst": 1}}}},
    "rollout": {
        "default": {},
        "all at once": {"deploy": {"rollout": "all_at_once"}, "update_strategy": {"max_surge": 0, "max_unavailable": "100%"}},
        "linear": {"deploy": {"rollout": {"strategy": "linear", "percent": 20, "interval": "2m"}}},
    },
    "monitoring": {
        "none": {},
        "classes": {"monitoring": {"model_type": "classification", "key": "label"}},
        "values": {"monitoring": {"model_type": "regression"}},
    },
    "rights": {
        "none": {},
        "models": {"predictor": {"path": "with_models.py", "models": {"dir": "s3://models/NAME/"}}},
        "whole bucket": {"predictor": {"config": {"weights": "s3://weights"}}},
        "permissions": {
            "deploy": {
                "permissions": [
                    {"actions": ["sqs:Send*"], "resources": ["arn:aws:sqs:us-east-1:123456789012:jobs-*"]},
                    {"actions": ["s3:*"], "resources": ["*"], "reason": "the buckets are made while it runs"},
                ]
            }
        },
    },
    "secrets": {
        "none": {},
        "some": {"deploy": {"secrets": {"TOKEN": "ssm:/NAME/token", "KEY": "secretsmanager:NAME"}}},
    },
    "account": {"plain": {}, "given": {}},
}
"""Dimension -> choice -> what it adds to an entry of cortex.yaml; NAME stands for the API's."""

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "given": {
        "vpc": {"id": "vpc-1a2b3c4d", "cidr": "10.1.0.0/16", "subnets": ["subnet-1a2b3c4d", "subnet-5e6f7a8b"], "public": False},
        "cluster": "everything",
        "alarms_topic": "arn:aws:sns:us-east-1:123456789012:alarms",
        "throttle": {"rate": 7, "burst": 9},
        "log_days": 365,
        "env": "prod",
    },
}
"""Choice of `account` -> context keys of the app that its rows are in."""

CORE = ("place", "scaling", "networking")


def allowed(row: Mapping[str, str]) -> bool:
    """Whether `check` takes an entry with these choices, and the place uses all of them."""

    def has(dimension: str, *choices: str | None) -> bool:
        return row.get(dimension) in choices

    return not (
        (has("scaling", "from none") and has("networking", "inside"))
        or (not has("place", "function", None) and (has("package", "zip") or not has("readiness", "on demand", None)))
        or (has("place", "gpu", "inf", "endpoint") and has("architecture", "arm64"))
        or (has("place", "endpoint") and (has("scaling", "from none") or has("rollout", "linear")))
        or (has("place", "endpoint") and not (has("auth", "none", "iam", None) and has("throttle", "shared", None)))
        or (has("place", "endpoint") and not (has("networking", "public", None) and has("endpoint", "its name", None)))
        or (has("networking", "inside") and (has("throttle", "own") or has("auth", "jwt")))
        or (has("networking", "inside") and has("auth", "iam") and not has("place", "function"))
    )


def rows() -> list[Row]:
    """The matrix, the same each time."""
    missing = set(pairs())
    made = []
    for choices in product(*(CHOICES[dimension] for dimension in CORE)):
        core = dict(zip(CORE, choices, strict=True))
        if allowed(core):
            made.append(_filled(core, missing))
    while missing:
        made.append(_filled(dict(min(missing)), missing))
    return made


def pairs() -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Every two choices of different dimensions that are allowed together."""
    for first, second in combinations(CHOICES, 2):
        for pair in product(CHOICES[first], CHOICES[second]):
            if allowed(dict(zip((first, second), pair, strict=True))):
                yield (first, pair[0]), (second, pair[1])


def _filled(row: Row, missing: set[tuple[tuple[str, str], tuple[str, str]]]) -> Row:
    """The row with a choice of each other dimension, each the one that brings the most missing pairs, which it takes out."""
    for dimension in CHOICES:
        if dimension not in row:
            left = Counter(choice for pair in missing for name, choice in pair if name == dimension)
            possible = [{**row, dimension: choice} for choice in CHOICES[dimension]]
            row = max(filter(allowed, possible), key=lambda row: (len(missing & _in(row)), left[row[dimension]]))
    missing -= _in(row)
    return {dimension: row[dimension] for dimension in CHOICES}


def _in(row: Row) -> set[tuple[tuple[str, str], tuple[str, str]]]:
    ordered = [(dimension, row[dimension]) for dimension in CHOICES if dimension in row]
    return set(combinations(ordered, 2))


def entry(name: str, row: Row) -> Entry:
    """The row as an entry of cortex.yaml."""
    made: Entry = {"name": name, "kind": "RealtimeAPI", "predictor": {"type": "python", "path": "predictor.py"}}
    for dimension, choice in row.items():
        for section, keys in _named(CHOICES[dimension][choice], name).items():
            made[section] = {**made.get(section, {}), **keys}
    return made


def _named(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _named(each, name) for key, each in value.items()}
    if isinstance(value, list):
        return [_named(each, name) for each in value]
    return value.replace("NAME", name) if isinstance(value, str) else value
