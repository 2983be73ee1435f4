"""One S3 bucket: endpoint, region, credentials and the store's clock, from the environment that AWS and the user set.

obstore finds the credentials of Lambda, ECS and SageMaker itself; where only boto3 can (profiles, single sign-on, and
Lambda with SnapStart, which gives an address and, in a variable, a token), boto3 provides them. The AWS environment
variables are read here and not in an entry point because both libraries read the rest of them themselves.
"""

import os
import threading
import time
from email.utils import parsedate_to_datetime
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from obstore.store import S3Store

_OWN_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)
"""Where any of these is set, obstore's own chain finds credentials without asking a metadata address that may not exist."""

_PROBE_S = 2.0


class Bucket:
    """A bucket's store and clock. `store` is safe to use from any thread."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._offset = 0.0
        self._region: str | None = None
        self._probe = threading.Thread(target=self._ask, name=f"clock of {name}", daemon=True)
        self._probe.start()
        self._used = _region()
        self.store = self._open(self._used)

    def now(self) -> float:
        """Unix seconds by the store's clock, to a second; ours when it does not say. The first call may wait two seconds."""
        self._probe.join(_PROBE_S)
        return time.time() + self._offset

    def follow_region(self) -> bool:
        """Reopen the bucket in the region that S3 names for it; False when that is no news."""
        self._probe.join(_PROBE_S)
        if self._region in {None, self._used} or _endpoint() is not None:
            return False
        self._used = self._region or self._used
        self.store = self._open(self._used)
        return True

    def close(self) -> None:
        """Let go of connections and credentials; nothing can be read until `reopen`."""
        self._probe.join(_PROBE_S)
        del self.store
        self.__dict__.pop("boto3", None)

    def reopen(self) -> None:
        """Open again, with the credentials of the environment as it is now."""
        self.store = self._open(self._used)

    @cached_property
    def boto3(self) -> Any:
        """A boto3 client of S3; its import takes 300 ms, so it is for what obstore cannot do."""
        import boto3

        return boto3.Session().client("s3")

    def _open(self, region: str) -> "S3Store":
        from obstore.store import S3Store

        endpoint = _endpoint()
        settings: dict[str, Any] = {"region": region}
        if endpoint is not None:
            settings["endpoint"] = endpoint
        if not any(name in os.environ for name in _OWN_CREDENTIALS) and (provider := _boto3_credentials()) is not None:
            settings["credential_provider"] = provider
        return S3Store(
            self.name,
            client_options={
                "allow_http": urlsplit(endpoint or "https:").scheme == "http",
                "connect_timeout": "3s",
                "read_timeout": "10s",
                "timeout": "300s",
            },
            retry_config={"max_retries": 2, "retry_timeout": _seconds(20)},
            **settings,
        )

    def _ask(self) -> None:
        """Learn clock and region from the headers of an unsigned HEAD, which S3 answers whether or not it grants anything."""
        url = urlsplit(_endpoint() or f"https://s3.{_region()}.amazonaws.com")
        connect = HTTPConnection if url.scheme == "http" else HTTPSConnection
        before = time.time()
        try:
            connection = connect(url.hostname or "", url.port, timeout=_PROBE_S)
            try:
                connection.request("HEAD", f"{url.path.rstrip('/')}/{quote(self.name)}")
                headers = connection.getresponse().headers
            finally:
                connection.close()
            self._region = headers.get("x-amz-bucket-region")
            # The header has whole seconds: half a second more is its mean.
            self._offset = parsedate_to_datetime(headers["date"]).timestamp() + 0.5 - (before + time.time()) / 2
        except (OSError, HTTPException, TypeError, ValueError):
            return  # a store that does not tell its time is compared with our clock
        if abs(self._offset) < 2:
            self._offset = 0.0  # within the header's precision


def _endpoint() -> str | None:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def _seconds(number: float) -> Any:
    from datetime import timedelta

    return timedelta(seconds=number)


def _boto3_credentials() -> Any:
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider

        return Boto3CredentialProvider()
    except (ImportError, ValueError):  # no boto3, or boto3 knows no credentials either: obstore asks the instance
        return None
