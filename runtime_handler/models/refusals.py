"""Why a model cannot be served now, as the error that a request gets: pure functions over what the manager knows."""

from runtime_handler.errors import ModelFailed, ModelLoading, ModelNotFound, ServeError, VersionNotFound
from runtime_handler.models.catalog import Catalog, KnownModel, Version
from runtime_handler.models.failures import Failure, as_error
from runtime_handler.models.model import title

SHOWN = 20
"""Names or versions that a message lists."""

PROBLEM_RETRY_S = 10
"""A version that is not whole may be mended by the next poll."""


def unknown(name: str, catalog: Catalog, *, listed_at: str | None) -> ServeError:
    """There is no such model; or it is configured, and `listed_at` could not be listed yet."""
    if listed_at is not None:
        return ModelLoading(f"{title(name)} could not be listed yet at {listed_at}", model=name)
    models = sorted(catalog)[:SHOWN]
    return ModelNotFound(f"there is no model {name!r}; there are: {', '.join(models) or 'none'}", model=name, models=models)


def absent(known: KnownModel, number: int | None) -> ServeError | None:
    """There is no such version, or no version at all; None when there are versions and none is ready."""
    if number is not None:
        return VersionNotFound(
            f"{title(known.name)} has no version {number}",
            model=known.name,
            version=str(number),
            versions=[str(version) for version in sorted(known.versions)[-SHOWN:]],
        )
    if not known.versions:
        return ModelNotFound(f"{title(known.name)} has no files", model=known.name)
    return None


def unavailable(version: Version, failure: Failure | None, now: float) -> ServeError:
    """The version exists, and failed, is not whole, or is being loaded."""
    if failure is not None:
        return as_error(version.id, failure, now)
    if version.settled is None and version.steady:
        return ModelFailed(
            f"{title(version.id.name)} version {version.id.version} cannot be loaded: {version.problem}",
            retry_after=PROBLEM_RETRY_S,
            model=version.id.name,
            version=str(version.id.version),
        )
    return loading(version)


def loading(version: Version) -> ServeError:
    """The version is being uploaded, fetched or loaded."""
    return ModelLoading(
        f"{title(version.id.name)} version {version.id.version} is being loaded",
        model=version.id.name,
        version=str(version.id.version),
    )
