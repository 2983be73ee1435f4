"""A prefix of an S3 bucket as a source of models, through obstore."""

import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime_handler.models.source import SourceChanged, SourceError, StoredObject

if TYPE_CHECKING:
    from obstore.store import S3Store

_PARALLEL = 16


class S3Source:
    """The objects below `s3://bucket/prefix/`; a prefix ends at a slash, so that `a` never holds what lies in `ab`."""

    in_place: Path | None = None

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._store = open_bucket(bucket)

    def list(self) -> Sequence[StoredObject]:
        """One listing, 1,000 objects a request."""
        import obstore

        start = len(self._prefix)
        try:
            return [
                StoredObject(item["path"][start:], item["size"], item["e_tag"] or "", item["last_modified"].timestamp())
                for chunk in obstore.list(self._store, prefix=self._prefix or None, chunk_size=1000)
                for item in chunk
            ]
        except obstore.exceptions.BaseError as error:
            raise SourceError(f"s3://{self._bucket}/{self._prefix} cannot be listed: {_first_line(error)}") from error

    def fetch(self, objects: Iterable[StoredObject], folder: str, target: Path) -> None:
        """Every object with a GET that holds only while its ETag is the listed one."""
        with ThreadPoolExecutor(_PARALLEL) as pool:
            for done in [pool.submit(self._get, item, folder, target) for item in objects]:
                done.result()

    def now(self) -> float:
        """S3's clock."""
        return time.time()

    def _get(self, item: StoredObject, folder: str, target: Path) -> None:
        import obstore

        copy = target / item.path
        copy.parent.mkdir(parents=True, exist_ok=True)
        key = f"{self._prefix}{folder}{item.path}"
        try:
            result = obstore.get(self._store, key, options={"if_match": item.etag})
            with copy.open("wb") as file:
                for chunk in result.stream():
                    file.write(chunk)
        except (obstore.exceptions.PreconditionError, FileNotFoundError) as error:
            raise SourceChanged(f"s3://{self._bucket}/{key} is not what was listed") from error
        except obstore.exceptions.BaseError as error:
            raise SourceError(f"s3://{self._bucket}/{key} cannot be read: {_first_line(error)}") from error
        if copy.stat().st_size != item.size:
            raise SourceError(f"s3://{self._bucket}/{key} ended after {copy.stat().st_size} of {item.size} bytes")


def open_bucket(bucket: str) -> "S3Store":
    """The bucket, with what the AWS environment variables say of endpoint, region and credentials."""
    from obstore.store import S3Store

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    settings: dict[str, Any] = {} if endpoint is None else {"endpoint": endpoint}
    return S3Store(
        bucket,
        client_options={
            "allow_http": bool(endpoint and endpoint.startswith("http:")),
            "connect_timeout": "5s",
            "timeout": "300s",
        },
        retry_config={"max_retries": 2},
        **settings,
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
