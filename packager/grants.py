"""What an API may read from S3: found in its spec, each grant with the reason that `check` prints.

Model paths are read by the runtime, as folders unless they are one `.onnx` file; `s3://` strings anywhere in `config` and
`env`, and `bucket` beside `key` or `prefix` in one map of `config`, are how Cortex's examples tell a predictor where to
download from. What begins alike beside a folder or a file is not granted: `models/text` is no leave for `models/text-private`.
"""

from collections.abc import Iterator
from typing import Any

from packager.imported import imports
from packager.manifest import S3Grant
from runtime_handler.contract import SINGLE_MODEL, ServeSpec

S3 = "s3://"


def s3_grants(serve: ServeSpec) -> tuple[S3Grant, ...]:
    """The grants of one API, sorted, each once with the first reason found."""
    grants: dict[tuple[str, tuple[str, ...]], S3Grant] = {}
    for grant in _found(serve):
        grants.setdefault((grant.bucket, grant.keys), grant)
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
    for bucket, written in _parts(path):
        key = written.strip("/")
        if key.endswith(".onnx"):  # which the runtime finds in the listing of the folder that it is in
            yield S3Grant(bucket, keys=(key,), prefixes=(key, key[: key.rfind("/") + 1]), reason=reason)
        else:
            yield _below(bucket, f"{key}/" if key else "", reason)


def _below(bucket: str, prefix: str, reason: str) -> S3Grant:
    """Everything whose key begins with the prefix."""
    return S3Grant(bucket, keys=(f"{prefix}*",), prefixes=(f"{prefix}*",), reason=reason)


def _from_config(value: Any, path: str) -> Iterator[S3Grant]:
    if isinstance(value, str):
        yield from _from_text(value, path)
    elif isinstance(value, dict):
        bucket = value.get("bucket")
        key = value.get("key", value.get("prefix"))
        if isinstance(bucket, str) and bucket and isinstance(key, str):
            bucket, key, reason = bucket.removeprefix(S3).rstrip("/"), key.lstrip("/"), f"{path}.bucket"
            if "key" in value and key and not key.endswith("/"):
                yield S3Grant(bucket, keys=(key,), prefixes=(key,), reason=reason)
            else:
                yield _below(bucket, key, reason)
            value = {name: item for name, item in value.items() if name != "bucket"}  # said, however it is written
        for name, item in value.items():
            yield from _from_config(item, f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _from_config(item, f"{path}[{index}]")


def _from_text(text: str, path: str) -> Iterator[S3Grant]:
    """A file or a folder, which the text does not tell apart: the object of that key, and those below it."""
    for bucket, key in _parts(text):
        if key and not key.endswith("/"):
            yield S3Grant(bucket, keys=(key, f"{key}/*"), prefixes=(key, f"{key}/*"), reason=path)
        else:
            yield _below(bucket, key, path)


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Bucket and key of an `s3://` text; none of any other."""
    bucket, _, key = text.removeprefix(S3).partition("/")
    if text.startswith(S3) and bucket:
        yield bucket, key


def asks_aws(source: bytes) -> bool:
    """Whether the module imports boto3."""
    return any(each.name == "boto3" for each in imports(source))
