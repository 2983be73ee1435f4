"""The log lines of a deployed API."""

from collections.abc import Callable, Iterator

from packager.deployed.session import client

Lines = Callable[[str, int], Iterator[tuple[int, str, str]]]
"""(log group, since Unix milliseconds) -> (Unix milliseconds, event id, line)."""


def log_group(stack: str) -> str:
    """Of an API's stack, by the resource's name in its template: where it is depends on what the API runs on.

    Raises AwsError, also when there is no such stack.
    """
    with client("cloudformation") as cloudformation:
        resource = cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId="Logs")
    group: str = resource["StackResourceDetail"]["PhysicalResourceId"]
    return group


def log_lines(group: str, since_ms: int) -> Iterator[tuple[int, str, str]]:
    """(Unix milliseconds, event id, line) of every event since `since_ms`, in order.

    Raises AwsError.
    """
    with client("logs") as logs:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since_ms):
            for event in page["events"]:
                yield event["timestamp"], event["eventId"], event["message"].rstrip("\n")


class Tail:
    """New lines of a log group, a step at a time.

    Each step looks back `overlap_ms`, because CloudWatch shows lines late and out of order; none comes twice.
    """

    def __init__(self, group: str, since_ms: int, lines: Lines = log_lines, overlap_ms: int = 30_000) -> None:
        self._group = group
        self._since = self._latest = since_ms
        self._lines = lines
        self._overlap = overlap_ms
        self._seen: dict[str, int] = {}

    def tick(self) -> list[str]:
        """The lines that have come since the last step. Raises AwsError."""
        new = []
        for when, identifier, line in self._lines(self._group, max(self._since, self._latest - self._overlap)):
            if identifier not in self._seen:
                self._seen[identifier] = when
                self._latest = max(self._latest, when)
                new.append(line)
        self._seen = {identifier: when for identifier, when in self._seen.items() if when >= self._latest - self._overlap}
        return new
