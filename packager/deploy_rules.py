"""What must hold between the keys of `deploy:` and the rest; see `rules`. Limits are AWS's."""

import re
from collections.abc import Callable, Iterator, Sequence

from packager.fault import Fault
from packager.spec import ApiSpec

Rule = Callable[[ApiSpec], Iterator[Fault]]

SNAP_START_STORAGE_MB = 512
_SECRET_NAME = re.compile(r"SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY|PRIVATE_KEY|ACCESS_KEY")


def a_token_has_an_issuer(api: ApiSpec) -> Iterator[Fault]:
    """`auth: jwt` names issuer and audience."""
    auth, needs = api.deploy.auth, ("deploy.auth.type", "deploy.auth.issuer", "deploy.auth.audience")
    if auth.type == "jwt" and (auth.issuer is None or not auth.audience):
        yield Fault("deploy.auth", "deploy.incomplete_jwt", "jwt needs an issuer and an audience", needs)


def a_lone_star_has_a_reason(api: ApiSpec) -> Iterator[Fault]:
    """Permission for everything, or on everything, says why."""
    for number, permission in enumerate(api.deploy.permissions):
        if permission.reason is None and "*" in (*permission.actions, *permission.resources):
            message = "allows *; name the actions and ARNs that are needed, or write the reason beside it"
            yield Fault(f"deploy.permissions[{number}]", "deploy.star_without_reason", message)


def snap_start_keeps_its_limits(api: ApiSpec) -> Iterator[Fault]:
    """SnapStart is for functions of Python 3.12 and later, and goes with neither of two other settings.

    Since July 2026 it is for images as well, if they carry the label that allows it, as every image here does.
    https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html
    """
    deploy = api.deploy
    if not deploy.snap_start:
        return
    at, code = "deploy.snap_start", "deploy.snap_start"
    if deploy.python in {"3.10", "3.11"}:
        yield Fault(at, code, f"Python {deploy.python} cannot be started from a snapshot; 3.12 can", ("deploy.python",))
    if deploy.provisioned_concurrency:
        yield Fault(at, code, "excludes provisioned_concurrency; keep one of them", ("deploy.provisioned_concurrency",))
    if (deploy.ephemeral_storage_mb or 0) > SNAP_START_STORAGE_MB:
        message = f"excludes an ephemeral_storage of more than {SNAP_START_STORAGE_MB} MB; keep one of them"
        yield Fault(at, code, message, ("deploy.ephemeral_storage",))
    message = "the snapshot is paid for: by the time that it is kept, and by every start from it"
    yield Fault(at, "deploy.snap_start_price", message, severity="note")


def kept_environments_are_within_the_reserved(api: ApiSpec) -> Iterator[Fault]:
    """Lambda refuses more provisioned concurrency than is reserved (Lambda's page "Configuring provisioned concurrency")."""
    ready, most = api.deploy.provisioned_concurrency, api.deploy.reserved_concurrency
    if most is not None and ready > most:
        message = f"{ready} is more than reserved_concurrency ({most}); raise that to {ready}, or remove it"
        needs = ("deploy.reserved_concurrency",)
        yield Fault("deploy.provisioned_concurrency", "deploy.provisioned_above_reserved", message, needs)


def a_variable_has_one_source(api: ApiSpec) -> Iterator[Fault]:
    """An environment variable is in `predictor.env` or in `deploy.secrets`."""
    env = {} if api.serve is None else api.serve.predictor.env
    for name in sorted(env.keys() & api.deploy.secrets.keys()):
        message = "stands in deploy.secrets too; keep one of them"
        yield Fault(f"predictor.env.{name}", "spec.conflicting_fields", message, ("deploy.secrets",))


def secrets_stay_out_of_the_file(api: ApiSpec) -> Iterator[Fault]:
    """A variable whose name says that it is a secret is better kept by AWS: `env` goes into the image as it is."""
    env = {} if api.serve is None else api.serve.predictor.env
    for name in env:
        if _SECRET_NAME.search(name.upper()):
            message = "goes into the image, where everyone who may pull it can read it; put it into deploy.secrets"
            yield Fault(f"predictor.env.{name}", "deploy.secret_in_env", message, severity="warning")


def byte_budgets_fit_the_api(api: ApiSpec) -> Iterator[Fault]:
    """`cache_bytes` and `disk_cache_bytes` are for APIs with models, in one process; what is in memory is on disk too."""
    given = [at for at in ("deploy.cache_bytes", "deploy.disk_cache_bytes") if at in api.places]
    if not given or api.serve is None:
        return
    models, processes = api.serve.predictor.models, api.serve.predictor.processes_per_replica
    if models is None:
        message = "limits models, and the API has none; add model_path or models, or remove it"
        yield Fault(given[0], "deploy.cache_without_models", message, ("predictor.model_path", "predictor.models"))
        return
    if processes > 1:
        message = f"a model cache needs processes_per_replica: 1, not {processes}"
        yield Fault(given[0], "deploy.cache_with_processes", message, ("predictor.processes_per_replica",))
    if models.cache_bytes is not None and models.disk_cache_bytes is not None and models.cache_bytes > models.disk_cache_bytes:
        message = (
            f"{models.cache_bytes} bytes are more than disk_cache_bytes ({models.disk_cache_bytes}); "
            "models in memory are on disk too"
        )
        yield Fault("deploy.cache_bytes", "deploy.cache_above_disk", message, ("deploy.disk_cache_bytes",))


DEPLOY_RULES: Sequence[Rule] = (
    a_token_has_an_issuer,
    a_lone_star_has_a_reason,
    snap_start_keeps_its_limits,
    kept_environments_are_within_the_reserved,
    a_variable_has_one_source,
    secrets_stay_out_of_the_file,
    byte_budgets_fit_the_api,
)
