"""boto3 clients whose failures are one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast


class AwsError(Exception):
    """AWS cannot be asked, or said no; the message is for the person at the terminal."""


@contextmanager
def client(service: str, **options: Any) -> Iterator[Any]:
    """A client of the service in the environment's account and region, unless `options` of boto3's say otherwise.

    Raises AwsError in place of everything that botocore raises, in the body too.
    """
    import boto3  # here: the commands that read files only must not pay for it
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

    try:
        opened = cast("Any", boto3).client(service, **options)  # typed for literal names only
        try:
            yield opened
        finally:
            opened.close()
    except ClientError as error:
        raise AwsError(f"{error.operation_name}: {error.response['Error'].get('Message', error)}") from None
    except (NoCredentialsError, NoRegionError) as error:
        reason = str(error).rstrip(".")
        raise AwsError(f"AWS cannot be asked: {reason}; run `aws configure`, or set AWS_PROFILE and AWS_DEFAULT_REGION") from None
    except BotoCoreError as error:
        raise AwsError(f"AWS cannot be asked: {error}") from None
