"""Entries of the manifest: what was decided for an API or a traffic splitter, in the words that the CDK app reads."""

from packager.check import CheckedApi
from packager.cost import cost
from packager.endpoints import endpoint_rollout
from packager.grants import s3_grants
from packager.manifest import Auth, Bundle, Image, ManifestApi, ManifestSplitter, Permission, Split, Throttle
from packager.scaling import rollout, scaling
from packager.spec import ApiSpec


def api_entry(api: CheckedApi, bundle: Bundle | None = None) -> ManifestApi:
    """The entry of an API that has a placement; the target's size tells the CDK app which resources it becomes."""
    assert api.placement is not None, "only placed APIs are deployed"
    assert api.base_image is not None, "a placed API has an image"
    spec, serve, deploy = api.spec, api.spec.served, api.spec.deploy
    replicas = spec.autoscaling.min_replicas
    steps = rollout(spec.update_strategy, replicas, deploy.rollout)
    public = spec.networking.api_gateway == "public" and api.placement.target != "sagemaker"  # which has a door of its own
    return ManifestApi(
        name=spec.name,
        kind=spec.kind,
        endpoint=serve.endpoint,
        target=api.placement.target,
        size=api.placement.size,
        reason=api.placement.reason,
        image=Image(context=spec.name, architecture=deploy.architecture, build_args={"BASE_IMAGE": api.base_image}),
        bundle=bundle,
        public=public,
        monitoring=None if serve.monitoring is None else serve.monitoring.model_type,
        max_concurrency=serve.max_replica_concurrency,
        scaling=scaling(spec.autoscaling),
        rollout=endpoint_rollout(steps, replicas) if api.placement.target == "sagemaker" else steps,
        s3_read=s3_grants(serve),
        permissions=tuple(
            Permission(actions=each.actions, resources=each.resources, reason=each.reason) for each in deploy.permissions
        ),
        secrets=dict(deploy.secrets),
        auth=_auth(spec),
        throttle=_throttle(spec),
        cost=str(cost(api.placement.size, replicas=replicas, public=public)),
    )


def splitter_entry(spec: ApiSpec) -> ManifestSplitter:
    """The entry of a TrafficSplitter."""
    return ManifestSplitter(
        name=spec.name,
        endpoint=spec.networking.endpoint,
        splits=tuple(Split(name=split.name, weight=split.weight) for split in spec.splits),
        public=spec.networking.api_gateway == "public",
        auth=_auth(spec),
        throttle=_throttle(spec),
    )


def _throttle(spec: ApiSpec) -> Throttle | None:
    throttle = spec.deploy.throttle
    return None if throttle is None else Throttle(rate=throttle.rate, burst=throttle.burst)


def _auth(spec: ApiSpec) -> Auth:
    auth = spec.deploy.auth
    return Auth(type=auth.type, issuer=auth.issuer, audience=auth.audience)
