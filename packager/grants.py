"""What an API may read from S3: found in its spec, each grant with the reason that `check` prints.

Model paths are read by the runtime, as folders unless they are one `.onnx` file; `s3://` strings anywhere in `config` and
`env`, and `bucket` beside `key` or `prefix` in one map of `config`, are how Cortex's examples tell a predictor where to
download from. A folder's grant ends in a slash, as Cortex's did: that of `models/text` is none for `models/text-private`.
"""

from collections.abc import Iterator
from typing import Any

from packager.imported import imports
from packager.manifest import S3Grant
from runtime_handler.contract import SINGLE_MODEL, ServeSpec

S3 = "s3://"


def s3_grants(serve: ServeSpec) -> tuple[S3Grant, ...]:
    """The grants of one API, sorted, each once with the first reason found."""
    grants: dict[tuple[str, str, bool], S3Grant] = {}
    for grant in _found(serve):
        grants.setdefault((grant.bucket, grant.prefix, grant.exact), grant)
    return tuple(grants[key] for key in sorted(grants))


def _found(serve: ServeSpec) -> Iterator[S3Grant]:
    models = serve.predictor.models
    if models is not None:
        for number, path in enumerate(models.paths):
            at = "predictor.model_path" if path.name == SINGLE_MODEL else f"predictor.models.paths[{number}].path"
            yield from _of_model(path.path, at)
        yield from _of_model(models.dir or "", "predictor.models.dir")
    yield from _from_config(serve.predictor.config, "predictor.config")
    for name, value in serve.predictor.env.items():
        yield from _from_text(value, f"predictor.env.{name}")


def _of_model(path: str, reason: str) -> Iterator[S3Grant]:
    for grant in _from_text(path, reason):
        key = grant.prefix.strip("/")
        exact = key.endswith(".onnx")
        yield grant._replace(prefix=key if exact or not key else f"{key}/", exact=exact)


def _from_config(value: Any, path: str) -> Iterator[S3Grant]:
    if isinstance(value, str):
        yield from _from_text(value, path)
    elif isinstance(value, dict):
        bucket = value.get("bucket")
        key = value.get("key", value.get("prefix"))
        if isinstance(bucket, str) and bucket and isinstance(key, str):
            prefix = key.lstrip("/")
            exact = "key" in value and prefix != "" and not prefix.endswith("/")
            yield S3Grant(bucket=bucket.removeprefix(S3).rstrip("/"), prefix=prefix, reason=f"{path}.bucket", exact=exact)
            value = {name: item for name, item in value.items() if name != "bucket"}  # said, however it is written
        for name, item in value.items():
            yield from _from_config(item, f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _from_config(item, f"{path}[{index}]")


def _from_text(text: str, path: str) -> Iterator[S3Grant]:
    if text.startswith(S3):
        bucket, _, prefix = text.removeprefix(S3).partition("/")
        if bucket:
            yield S3Grant(bucket=bucket, prefix=prefix, reason=path)


def asks_aws(source: bytes) -> bool:
    """Whether the module imports boto3."""
    return any(each.name == "boto3" for each in imports(source))
