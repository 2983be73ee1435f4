"""The S3 servers of the model tests, here too."""

from tests.runtime_handler.models.conftest import aws, moto

__all__ = ["aws", "moto"]
