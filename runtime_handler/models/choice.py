"""What "latest" means now, and what is worth loading before anybody asks: pure functions over the versions of one model."""

from collections.abc import Sequence
from typing import NamedTuple


class Candidate(NamedTuple):
    """One version: in memory; may be loaded (its files settled and it is not backing off); in memory from older files."""

    version: int
    resident: bool
    loadable: bool
    stale: bool = False


def in_order(versions: Sequence[int], pin: int | None) -> list[int]:
    """Versions from the most wanted on: the pinned one, then the numerically highest."""
    return sorted(versions, key=lambda version: (version != pin, -version))


def latest(candidates: Sequence[Candidate], *, pin: int | None, current: int | None, on_demand: bool) -> int | None:
    """The version that "latest" means; None when there is none.

    With everything kept in memory it is the most wanted loaded one. With a cache (`on_demand`) it is the most wanted one
    that can be loaded; but while the `current` one is in memory, a better one first takes its place there, so that no
    request waits for it.
    """
    by_version = {candidate.version: candidate for candidate in candidates}
    warm = current in by_version and by_version[current].resident
    for version in in_order(list(by_version), pin):
        candidate = by_version[version]
        if candidate.resident or (on_demand and candidate.loadable and not warm):
            return version
    return None


def worth_loading(candidates: Sequence[Candidate], *, pin: int | None, current: int | None, on_demand: bool) -> list[int]:
    """Versions to load now, most wanted first.

    Everything that may be loaded; with a cache (`on_demand`) only newer files of what is in memory, and the version that
    is to take the place of the `current` latest while that one is in memory.
    """
    order = in_order([candidate.version for candidate in candidates], pin)
    by_version = {candidate.version: candidate for candidate in candidates}
    wanted = [version for version in order if by_version[version].loadable]
    if not on_demand:
        return [version for version in wanted if not by_version[version].resident or by_version[version].stale]
    result = [version for version in wanted if by_version[version].resident and by_version[version].stale]
    if current in by_version and by_version[current].resident and wanted:
        best = wanted[0]
        if not by_version[best].resident and order.index(best) < order.index(current):
            result.append(best)
    return result
