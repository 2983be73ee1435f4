"""The models of a deployed API as it tells them itself: the `model_metadata` of a GET on its URL, as Cortex's CLI read it."""

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from packager.deployed.endpoint import endpoint_at
from packager.predict import NoAnswer

TIMEOUT_S = 10

_ID = re.compile(r"(.+?)-(-?\d+)")
"""A version of a TensorFlow model: name, dash, version, which may begin with a minus."""


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """One version that is ready, and when the newest of its files was written."""

    model: str
    version: str
    edited: datetime


def served_models(url: str) -> list[ServedVersion]:
    """The versions that the replica which answered serves; none for an API without models. Raises NoAnswer."""
    if endpoint_at(url) is not None:
        raise NoAnswer("an endpoint of SageMaker tells nothing but predictions")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:  # noqa: S310 - the Url output of a stack of ours
            body = json.loads(response.read())
        return list(_versions(body.get("model_metadata", {})))
    except urllib.error.HTTPError as error:
        with error:
            raise NoAnswer(f"{url} answered {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"{url} does not answer ({getattr(error, 'reason', error)})") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NoAnswer(f"{url} answered something else than Cortex's model_metadata ({error})") from None


def _versions(metadata: Mapping[str, Any]) -> Iterator[ServedVersion]:
    for name, entry in metadata.items():
        if "versions" in entry:
            for version, timestamp in zip(entry["versions"], entry["timestamps"], strict=True):
                yield ServedVersion(name, version, datetime.fromtimestamp(timestamp, UTC))
        elif (match := _ID.fullmatch(name)) is not None:
            yield ServedVersion(match[1], match[2], datetime.fromtimestamp(entry["timestamp"], UTC))
