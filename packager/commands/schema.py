"""`cxpack schema`: the JSON Schema of cortex.yaml."""

from argparse import ArgumentParser, Namespace

from packager.console import DONE, result_json


def configure(parser: ArgumentParser) -> None:
    """It has no arguments."""


def run(_arguments: Namespace) -> int:
    """The exit status."""
    from packager.schema import schema

    result_json(schema())
    return DONE
