"""Images built and run as root without a daemon: buildah builds, a chroot with a read-only root runs what it built.

No registry is needed: the base is a Debian made by debootstrap, passed as the Dockerfile's BASE_IMAGE. Base and layers
stay in .venv/images, so that a second run builds only what changed.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
STORE = ROOT / ".venv" / "images"
BASE = "localhost/cxpack-base"
DEBIAN = "bookworm"
EMULATOR = ROOT / ".venv/rie/samcli/local/rapid/aws-lambda-rie-x86_64"
TOOLS = ("buildah", "debootstrap", "unshare", "chroot")
CERTIFICATES = Path("etc/ssl/certs/ca-certificates.crt")
BUILD_S = 1200

CONTAINER = """
mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"
mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"
mount --bind "$2" "$1/tmp"
[ -z "$3" ] || mount --bind "$3" "$1/mnt"
cd /; exec chroot --userspec="$4" "$1" /usr/bin/env --ignore-environment --chdir="$5" "${@:6}"
"""
"""What a container engine does with `--read-only --tmpfs /tmp --user`, in a mount namespace and a process namespace."""


def missing() -> str | None:
    """Why this machine cannot build images, or None."""
    if os.geteuid() != 0:
        return "images are built by root: `buildah --isolation chroot` and debootstrap need it"
    absent = [tool for tool in TOOLS if shutil.which(tool, path=search_path()) is None]
    return f"not installed: {', '.join(absent)} (Debian: apt-get install buildah debootstrap)" if absent else None


def search_path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def buildah(*arguments: str | Path) -> str:
    """Standard output of a buildah command on our own store; raises with its output when it fails."""
    command = ["buildah", "--root", STORE / "root", "--runroot", STORE / "run", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_S, env={**os.environ, "PATH": search_path()})
    if done.returncode:
        raise AssertionError(f"buildah {arguments[0]} failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done.stdout.strip()


def make_base() -> None:
    """Debian with its own Python under BASE, trusting the authorities that this machine trusts; made once."""
    if BASE in buildah("images", "--format", "{{.Name}}"):
        return
    say(f"making the base image: Debian {DEBIAN} (a minute, once)")
    with tempfile.TemporaryDirectory(dir=STORE) as folder:
        tree = Path(folder) / "root"
        command = ["debootstrap", "--variant=minbase", "--include=python3,python3-venv,ca-certificates", DEBIAN, tree]
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_S, env={**os.environ, "PATH": search_path()})
        assert done.returncode == 0, f"debootstrap failed:\n{done.stdout[-4000:]}"
        shutil.copyfile(Path("/") / CERTIFICATES, tree / CERTIFICATES)
        shutil.rmtree(tree / "var/cache/apt", ignore_errors=True)
        subprocess.run(["tar", "-C", tree, "-cf", Path(folder) / "root.tar", "."], check=True)
        shutil.rmtree(tree)
        (Path(folder) / "Dockerfile").write_text("FROM scratch\nADD root.tar /\n")
        buildah("build", "--isolation", "chroot", "--tag", BASE, folder)


def say(line: str) -> None:
    """A line of progress (`make images` shows them): builds take minutes."""
    print(f"images: {line}", file=sys.stderr)


SOURCES = (
    "cert",
    "default-timeout",
    "extra-index-url",
    "find-links",
    "index-url",
    "no-index",
    "proxy",
    "retries",
    "trusted-host",
)
"""Settings of pip that say where packages come from, and how they are fetched."""


@dataclass(frozen=True)
class Image:
    """A built image."""

    name: str

    @property
    def config(self) -> Mapping[str, Any]:
        """The OCI configuration: User, Env, Entrypoint, WorkingDir, Labels."""
        config: Mapping[str, Any] = json.loads(buildah("inspect", "--type", "image", self.name))["OCIv1"]["config"]
        return config

    @property
    def layers(self) -> list[tuple[str, int]]:
        """(digest, uncompressed bytes) of each layer, the base first."""
        images = json.loads((STORE / "root/overlay-images/images.json").read_text())
        (top,) = [image["layer"] for image in images if f"{self.name}:latest" in image.get("names", ())]
        known = {layer["id"]: layer for layer in json.loads((STORE / "root/overlay-layers/layers.json").read_text())}
        found = []
        while top:
            found.append((known[top]["diff-digest"], known[top]["diff-size"]))
            top = known[top].get("parent")
        return found[::-1]


def build(context: Path, name: str, netrc: str = "") -> Image:
    """The image of a context, on our base; layers of earlier builds are used again. `netrc` is the secret of that name."""
    STORE.mkdir(parents=True, exist_ok=True)
    make_base()
    say(f"building {name}")
    with tempfile.TemporaryDirectory() as folder:
        options = ["--isolation", "chroot", "--layers", "--build-arg", f"BASE_IMAGE={BASE}"]
        for secret, text in {"pip": pip_configuration(), "netrc": netrc}.items():
            if text:
                (Path(folder) / secret).write_text(text)
                options += ["--secret", f"id={secret},src={folder}/{secret}"]
        buildah("build", *options, "--tag", f"localhost/{name}", context)
    return Image(f"localhost/{name}")


@contextmanager
def mounted(image: Image) -> Iterator[Path]:
    """The image's root file system, as whoever may pull the image can read it."""
    name = buildah("from", image.name)
    try:
        yield Path(buildah("mount", name))
    finally:
        buildah("rm", name)


def pip_configuration() -> str:
    """The machine's own pip settings of SOURCES as one file: packages come from where it gets them.

    Others, such as a file of constraints, are its own business and name what no image has.
    """
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True).stdout
    lines = []
    for line in listed.splitlines():
        setting, _, value = line.partition("=")
        key = setting.rpartition(".")[2]
        if key in SOURCES:
            lines.append(f"{key} = {value.strip(chr(39)).replace(chr(92) + 'n', ' ')}\n")
    return "[global]\n" + "".join(dict.fromkeys(lines))


@contextmanager
def running(image: Image, *command: str, environment: Mapping[str, str], mount: Path | None = None) -> Iterator["Container"]:
    """`command` as the image's user in its working directory, the root file system read-only, /tmp a volume.

    `mount` appears as /mnt. The processes end with the context.
    """
    config = image.config
    with ExitStack() as stack:
        root = stack.enter_context(mounted(image))
        tmp = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        tmp.chmod(0o1777)
        variables = [*config["Env"], *(f"{name}={value}" for name, value in environment.items())]
        engine = ["unshare", "--mount", "--pid", "--fork", "bash", "-ec", CONTAINER, "container"]
        place = [str(root), str(tmp), str(mount or ""), f"{config['User']}:nogroup", config["WorkingDir"]]
        process = subprocess.Popen([*engine, *place, *variables, *command], env={"PATH": search_path()}, stdout=subprocess.PIPE)
        container = Container(process)
        try:
            yield container
        finally:
            container.kill()
            process.communicate(timeout=30)


@dataclass(frozen=True)
class Container:
    """A running one; `process` is the engine's, whose only child is the container's first process."""

    process: "subprocess.Popen[bytes]"

    @property
    def init(self) -> int:
        """The first process's id, as the machine outside counts; ProcessLookupError when it has ended."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not children:
            raise ProcessLookupError
        return int(children[0])

    def stop(self) -> int:
        """Ends it as platforms do, with SIGTERM; its exit code."""
        os.kill(self.init, signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        """Ends it at once; with its first process the kernel ends all others of the namespace."""
        with suppress(ProcessLookupError, FileNotFoundError):
            os.kill(self.init, signal.SIGKILL)
