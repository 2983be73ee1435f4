"""AWS on loopback: moto's server, with the CloudFormation that it lacks, and the `cdk` that deploys to it."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

import tests.cdk_app.cloudformation  # noqa: F401 - teaches the server what our templates need

ROOT = Path(__file__).parent.parent.parent
REGION = "us-east-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
}


@dataclass(frozen=True)
class Aws:
    """The server, the environment in which programs find it, and the CDK CLI in a project's folder."""

    url: str
    environment: Mapping[str, str]
    docker_log: Path

    def client(self, service: str) -> Any:
        """A boto3 client of the server."""
        return boto3.client(
            service, endpoint_url=self.url, region_name=REGION, aws_access_key_id="testing", aws_secret_access_key="testing"
        )

    def cdk(self, folder: Path, *arguments: str) -> str:
        """Run the real `cdk`, as a user would in `folder`; its output, for messages."""
        done = subprocess.run(
            ["cdk", *arguments],
            cwd=folder,
            env=dict(self.environment),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def deploy(self, folder: Path, *stacks: str) -> str:
        """`cdk deploy`, of all stacks when none is named.

        Two habits of moto's are stepped around: it loses a stack's resources over a second change set, and it does not
        know the previous value of a parameter that was left at its default.
        """
        options = ("--method=direct", "--no-previous-parameters", "--require-approval=never", "--concurrency=2")
        return self.cdk(folder, "deploy", *(stacks or ["--all"]), *options)

    def destroy(self, folder: Path, *stacks: str) -> str:
        """`cdk destroy` of what was synthesized last, of all stacks when none is named."""
        return self.cdk(folder, "destroy", "--app=cdk.out", *(stacks or ["--all"]), "--force")

    def stacks(self) -> dict[str, str]:
        """Name -> status of the stacks that stand, without the CDK's own."""
        found = self.client("cloudformation").describe_stacks()["Stacks"]
        return {stack["StackName"]: stack["StackStatus"] for stack in found if stack["StackName"] != "CDKToolkit"}

    def images_built(self) -> list[dict[str, Any]]:
        """What the stand-in for docker was asked to build: arguments and environment of each build."""
        calls = [json.loads(line) for line in self.docker_log.read_text().splitlines()] if self.docker_log.exists() else []
        return [call for call in calls if call["arguments"][0] == "build"]


@contextmanager
def aws_server(folder: Path) -> Iterator[Aws]:
    """The server on a free port, and a docker that needs no engine."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        url = f"http://localhost:{port}"  # the word: the CLI takes a template's address apart, and an IP breaks that
        docker = folder / "docker"
        docker.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT / "tests/cdk_app/docker_stand_in.py"} "$@"\n')
        docker.chmod(0o755)
        environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(folder),
            "AWS_ENDPOINT_URL": url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "CDK_DOCKER": str(docker),
            "DOCKER_STAND_IN": str(folder / "docker-state"),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CI": "true",
            **CREDENTIALS,
        }
        yield Aws(url, environment, folder / "docker-state" / "calls.jsonl")
    finally:
        server.stop()
