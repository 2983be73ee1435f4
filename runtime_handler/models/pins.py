"""Pins: desired state beside the models, which every replica reads with the listing that it makes anyway.

`<model root>/.cxpack/pins.json` is a JSON object of model names and integer versions; a pinned version is what "latest"
means. The root is the `models.dir`, or each path of `models.paths`.
"""

import json
import logging
from collections.abc import Iterable, Mapping

from runtime_handler.models.layout import BOOKKEEPING
from runtime_handler.models.source import Source, SourceError, StoredObject

log = logging.getLogger("cxpack.models")

PINS = f"{BOOKKEEPING}pins.json"

LARGEST = 1 << 20
"""Bytes of a pins.json that is read: some ten thousand pins."""


def parse_pins(text: bytes) -> Mapping[str, int]:
    """The pins of a pins.json. Raises ValueError when the text is none."""
    try:
        data = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(data, dict) or not all(type(version) is int for version in data.values()):
        raise ValueError("it must be a JSON object of model names and integer versions")
    return data


def dump_pins(pins: Mapping[str, int]) -> bytes:
    """The text of a pins.json."""
    return (json.dumps(dict(pins), indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


class Pins:
    """The pins of every model root, each read again only when the listing shows other bytes."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[str, Mapping[str, int]]] = {}

    def read(self, source: Source, folder: str, objects: Iterable[StoredObject]) -> Mapping[str, int]:
        """The pins of the root that is `folder` of `source` and holds `objects`. An unreadable file leaves the last ones."""
        key = str(source), folder
        item = next((item for item in objects if item.path == PINS), None)
        if item is None:
            self._known.pop(key, None)
            return {}
        etag, pins = self._known.get(key, ("", {}))
        if etag != item.etag:
            try:
                if item.size > LARGEST:
                    raise ValueError(f"it holds more than {LARGEST} bytes")
                pins = parse_pins(source.read(folder + PINS))
            except SourceError:
                return pins
            except ValueError as error:
                log.error("%s%s%s is not obeyed: %s", source, folder, PINS, error)
            self._known[key] = item.etag, pins
        return pins
