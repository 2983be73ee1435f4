"""Stands in for `docker`, which needs an engine: it remembers images by tag, and pushes them to the registry's API.

`docker build` takes the context and checks that the Dockerfile is there; `inspect` knows what was built or tagged;
`push` puts a manifest into ECR, so that the CDK CLI finds the image there the next time and does not build it again.
"""

import json
import os
import sys
from hashlib import sha256
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Do what the one subcommand of `arguments` asks; its exit status."""
    state = Path(os.environ["DOCKER_STAND_IN"])
    state.mkdir(exist_ok=True)
    quiet = {name: value for name, value in os.environ.items() if name.startswith(("BUILDX", "DOCKER_BUILDKIT"))}
    with (state / "calls.jsonl").open("a") as log:
        log.write(json.dumps({"arguments": arguments, "environment": quiet, "folder": str(Path.cwd())}) + "\n")
    match arguments:
        case ["build", *options, context]:
            if not (Path(context) / "Dockerfile").exists():
                sys.stderr.write(f"no Dockerfile in {context}\n")
                return 1
            remember(state, options[options.index("--tag") + 1], sha256(context.encode()).hexdigest())
        case ["inspect", tag]:
            return 0 if path_of(state, tag).exists() else 1
        case ["tag", known, new]:
            remember(state, new, path_of(state, known).read_text())
        case ["push", *_, tag]:
            push(tag, path_of(state, tag).read_text())
        case ["login", *_]:
            sys.stdin.read()
        case _:
            sys.stderr.write(f"docker {' '.join(arguments)} is not something that this stand-in does\n")
            return 1
    return 0


def path_of(state: Path, tag: str) -> Path:
    return state / sha256(tag.encode()).hexdigest()


def remember(state: Path, tag: str, identifier: str) -> None:
    path_of(state, tag).write_text(identifier)


def push(tag: str, identifier: str) -> None:
    import boto3

    repository, _, label = tag.partition("/")[2].rpartition(":")
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 2, "digest": f"sha256:{identifier}"},
        "layers": [],
    }
    boto3.client("ecr").put_image(repositoryName=repository, imageTag=label, imageManifest=json.dumps(manifest))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
