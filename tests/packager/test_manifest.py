"""manifest.json is read back as it was written."""

from hypothesis import given
from hypothesis import strategies as st

from packager.manifest import (
    Auth,
    EcsSize,
    EndpointSize,
    Image,
    LambdaSize,
    Manifest,
    ManifestApi,
    ManifestSplitter,
    Permission,
    Rollout,
    S3Grant,
    Scaling,
    Split,
    Throttle,
)

THROTTLES = st.none() | st.builds(Throttle, rate=st.floats(allow_nan=False, allow_infinity=False))
APIS = st.builds(
    lambda placed, **fields: ManifestApi(target=placed[0], size=placed[1], **fields),
    placed=st.one_of(
        st.tuples(st.just("lambda"), st.builds(LambdaSize)),
        st.tuples(st.just("ecs"), st.builds(EcsSize, gpu=st.integers(0, 8))),
        st.tuples(st.just("sagemaker"), st.builds(EndpointSize, ami=st.none() | st.text())),
    ),
    name=st.text(),
    kind=st.text(),
    endpoint=st.text(),
    reason=st.text(),
    image=st.builds(Image, build_args=st.dictionaries(st.text(), st.text())),
    scaling=st.builds(Scaling, target_concurrency=st.floats(allow_nan=False, allow_infinity=False)),
    rollout=st.builds(Rollout),
    s3_read=st.lists(st.builds(S3Grant)).map(tuple),
    permissions=st.lists(st.builds(Permission)).map(tuple),
    secrets=st.dictionaries(st.text(), st.text()),
    auth=st.builds(Auth),
    throttle=THROTTLES,
)
SPLITTERS = st.builds(ManifestSplitter, splits=st.lists(st.builds(Split)).map(tuple), auth=st.builds(Auth), throttle=THROTTLES)


@given(st.builds(Manifest, apis=st.lists(APIS, max_size=2).map(tuple), splitters=st.lists(SPLITTERS, max_size=2).map(tuple)))
def test_what_is_dumped_is_loaded(manifest: Manifest) -> None:
    """Nothing is lost or changed on the way through the file, whatever the names are."""
    assert Manifest.load(manifest.dump()) == manifest
