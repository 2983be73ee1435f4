"""The account-wide choices: CDK context keys `cxpack:*`, from `cdk.json`, `cdk.context.json` or `-c`.

    cxpack:manifest     path of manifest.json                                  cxpack.out/manifest.json
    cxpack:env          environment, part of every name                        dev
    cxpack:throttle     {"rate": requests a second, "burst": requests}         100, 200, for each route
    cxpack:log_days     retention of logs in days                              30
    cxpack:alarms_topic ARN of an SNS topic that alarms report to              none
    cxpack:vpc          {"id", "cidr", "subnets": [ids], "public": bool}       a VPC of the project's own
    cxpack:zones        two or more availability zones for that VPC            the first two that the region lists
    cxpack:cluster      name of an ECS cluster for the Fargate services        a cluster of the project's own
    cxpack:build_secrets {"pip": pip.conf, "netrc": .netrc} for image builds   none

Values given with `-c` are text; a mapping is then written as JSON.
"""

import json
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from packager.manifest import Throttle

LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""The retentions that CloudWatch Logs knows (PutRetentionPolicy)."""

THROTTLE = Throttle(rate=100, burst=200)
"""What every route lets through unless told otherwise, so that a mistake of a caller's has a limit."""
BUILD_SECRETS = ("pip", "netrc")
"""Files that image builds may read and no layer keeps: a pip.conf with its indexes, and credentials for them and for git."""


PREFIX = "cxpack:"
QUALIFIER = "hnb659fds"
"""Of the CDK, in the bootstrap bucket's name, unless the context key says otherwise."""
QUALIFIER_KEY = "@aws-cdk/core:bootstrapQualifier"


class SettingsError(Exception):
    """A context key `cxpack:*` has a value that cannot be used, or there is no such key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedVpc:
    """A VPC that exists already. `public`: its subnets give public addresses (no NAT gateway stands behind them)."""

    id: str
    cidr: str
    subnets: tuple[str, ...]
    public: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The choices, checked, with their defaults."""

    manifest: Path = Path("cxpack.out/manifest.json")
    environment: str = "dev"
    throttle: Throttle = THROTTLE
    log_days: int = 30
    alarms_topic: str | None = None
    vpc: ImportedVpc | None = None
    zones: tuple[str, ...] = ()
    cluster: str | None = None
    build_secrets: Mapping[str, Path] = field(default_factory=dict)
    qualifier: str = QUALIFIER

    @classmethod
    def of(cls, context: Mapping[str, Any]) -> "Settings":
        """The settings of an app's whole context; null is as good as nothing.

        Raises SettingsError for a key `cxpack:*` that there is not, and else, naming the key and what it takes, for the first
        value that cannot be used.
        """
        given = {key: value for key, value in context.items() if value is not None}
        unknown = [key for key in given if key.startswith(PREFIX) and key.removeprefix(PREFIX) not in KEYS]
        if unknown:
            known = ", ".join(f"{PREFIX}{name}" for name in KEYS)
            raise SettingsError(f"there is no context key {' nor '.join(unknown)}; those that there are: {known}")
        checked = {field: read(name, given[PREFIX + name]) for name, (field, read) in KEYS.items() if PREFIX + name in given}
        return cls(**checked, qualifier=given.get(QUALIFIER_KEY) or QUALIFIER)


def _text(pattern: str, takes: str) -> Callable[[str, Any], str]:
    def read(name: str, value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise SettingsError(f"context key cxpack:{name} is {value!r}; it takes {takes}")
        return value

    return read


def _path(name: str, value: Any) -> Path:
    return Path(_text(r".+", "the path of a manifest.json")(name, value))


def _days(name: str, value: Any) -> int:
    days = _number(value)
    if days not in LOG_DAYS:
        raise SettingsError(f"context key cxpack:{name} is {value!r}; it takes one of {', '.join(map(str, LOG_DAYS))} days")
    return int(days)


def _number(value: Any) -> float:
    """A number, or one that is written as text; not a number for anything else, a truth value too."""
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _mapping(name: str, value: Any, takes: str) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    if not isinstance(value, Mapping):
        raise SettingsError(f"context key cxpack:{name} takes {takes}")
    return value


def _throttle(name: str, value: Any) -> Throttle:
    takes = 'a mapping such as {"rate": 100, "burst": 200}, both above zero, burst a whole number'
    mapping = _mapping(name, value, takes)
    rate, burst = _number(mapping.get("rate", THROTTLE.rate)), _number(mapping.get("burst", THROTTLE.burst))
    if set(mapping) - {"rate", "burst"} or not (0 < rate < math.inf and 0 < burst < math.inf and burst.is_integer()):
        raise SettingsError(f"context key cxpack:{name} takes {takes}")
    return Throttle(rate=rate, burst=int(burst))


def _zones(name: str, value: Any) -> tuple[str, ...]:
    zones = tuple(value.split(",")) if isinstance(value, str) else tuple(value) if isinstance(value, list) else ()
    if not all(isinstance(zone, str) and re.fullmatch(r"[a-z0-9-]+", zone) for zone in zones) or len(set(zones)) < 2:
        raise SettingsError(f'context key cxpack:{name} takes two zones or more, such as "us-east-1a,us-east-1b"')
    return zones


def _vpc(name: str, value: Any) -> ImportedVpc:
    takes = 'a mapping such as {"id": "vpc-1", "cidr": "10.0.0.0/16", "subnets": ["subnet-1", "subnet-2"], "public": false}'
    mapping = {"public": False, **_mapping(name, value, takes)}
    if set(mapping) != {"id", "cidr", "subnets", "public"} or not all(fits(mapping[key]) for key, fits in _OF_VPC.items()):
        raise SettingsError(f"context key cxpack:{name} takes {takes}")
    vpc = ImportedVpc(**{**mapping, "subnets": tuple(mapping["subnets"])})
    if len(set(vpc.subnets)) < 2:
        raise SettingsError(f"context key cxpack:{name} names {len(set(vpc.subnets))} subnets; a load balancer needs two or more")
    return vpc


def _is_identifier(kind: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(rf"{kind}-[0-9a-z]+", value) is not None


def _is_network(value: Any) -> bool:
    try:
        return isinstance(value, str) and "/" in value and bool(IPv4Network(value))
    except ValueError:
        return False


_OF_VPC: Mapping[str, Callable[[Any], bool]] = {
    "id": _is_identifier("vpc"),
    "cidr": _is_network,
    "subnets": lambda value: isinstance(value, list) and all(map(_is_identifier("subnet"), value)),
    "public": lambda value: isinstance(value, bool),
}
"""What each part of a VPC's mapping must be."""


def _build_secrets(name: str, value: Any) -> Mapping[str, Path]:
    takes = f'a mapping such as {{"pip": "~/.config/pip/pip.conf"}}, from {" or ".join(BUILD_SECRETS)} to a file that exists'
    # os.path's, for pathlib's raises for an unknown user
    secrets = {key: Path(os.path.expanduser(str(path))).absolute() for key, path in _mapping(name, value, takes).items()}  # noqa: PTH111
    if not set(secrets) <= set(BUILD_SECRETS) or not all(path.is_file() for path in secrets.values()):
        raise SettingsError(f"context key cxpack:{name} takes {takes}")
    return secrets


KEYS: Mapping[str, tuple[str, Callable[[str, Any], Any]]] = {
    "manifest": ("manifest", _path),
    # No dash, or API blue-iris of dev and API iris of dev-blue were one stack.
    "env": ("environment", _text(r"[A-Za-z][A-Za-z0-9]{0,31}", "a word of letters and digits without a dash, 32 at most")),
    "throttle": ("throttle", _throttle),
    "log_days": ("log_days", _days),
    "alarms_topic": ("alarms_topic", _text(r"arn:[^:]+:sns:[^:]+:\d{12}:.+", "the ARN of an SNS topic")),
    "vpc": ("vpc", _vpc),
    "zones": ("zones", _zones),
    "cluster": ("cluster", _text(r"[A-Za-z0-9_-]{1,255}", "the name of an ECS cluster")),
    "build_secrets": ("build_secrets", _build_secrets),
}
"""Context key without its prefix -> the field of Settings and how its value is read."""
