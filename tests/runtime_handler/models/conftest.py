"""S3 servers for the tests of the model sources, and the environment that leads to them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime_handler.models.servers import KEY, SECRET, moto_server, rclone_server


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The address of a moto server."""
    with moto_server() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an rclone server."""
    with rclone_server(tmp_path_factory.mktemp("rclone")) as endpoint:
        yield endpoint


@pytest.fixture(params=["moto", "rclone"])
def endpoint(request: pytest.FixtureRequest, aws: None) -> str:
    """Each server in turn, with the environment set to it."""
    address: str = request.getfixturevalue(request.param)
    request.getfixturevalue("monkeypatch").setenv("AWS_ENDPOINT_URL_S3", address)
    return address


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials for the servers, and nothing of the machine's own AWS settings."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
