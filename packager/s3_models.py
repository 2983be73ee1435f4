"""What lies below an S3 model path: one listing per path, in pages, and the sentence for one that cannot be had."""

from collections.abc import Callable, Sequence

MOST_OBJECTS = 20_000
"""Of a path that are looked at, as many as Cortex listed of a `models.dir`."""

ListKeys = Callable[[str, str], Sequence[str]]
"""(bucket, prefix) -> the keys that begin with the prefix, at most MOST_OBJECTS. Raises NoListing."""


class NoListing(Exception):
    """The bucket cannot be listed: Cortex's code, and a sentence with the remedy."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def split_path(path: str) -> tuple[str, str]:
    """Bucket and prefix of `s3://bucket/prefix`; the prefix ends in a slash unless it is empty or one `.onnx` object."""
    bucket, _, prefix = path.removeprefix("s3://").partition("/")
    prefix = prefix.lstrip("/")
    return bucket, prefix if not prefix or prefix.endswith((".onnx", "/")) else f"{prefix}/"


def list_keys(bucket: str, prefix: str) -> Sequence[str]:
    """The keys in S3, with the credentials and region of the environment. Raises NoListing."""
    import boto3  # here: only `check --aws` asks
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    keys: list[str] = []
    try:
        client = boto3.client("s3", config=Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 3}))
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            keys += [entry["Key"] for entry in page.get("Contents", ())]
            if len(keys) >= MOST_OBJECTS:
                break
    except ClientError as error:
        reason = error.response.get("Error", {}).get("Code", "")
        if reason in {"NoSuchBucket", "404"}:
            raise NoListing("aws.bucket_not_found", f"there is no bucket {bucket}; correct its name, or create it") from None
        message = f"bucket {bucket} may not be listed ({reason}); allow s3:ListBucket on it, or use other credentials"
        raise NoListing("aws.bucket_inaccessible", message) from None
    except BotoCoreError as error:
        raise NoListing(
            "aws.bucket_inaccessible", f"bucket {bucket} cannot be reached: {error}; or check without --aws"
        ) from None
    return keys[:MOST_OBJECTS]
