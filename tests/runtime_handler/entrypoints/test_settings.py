"""The environment that the stacks give a container, as the runtime reads it."""

import pytest

from runtime_handler.contract import METRICS_NAME
from runtime_handler.entrypoints.settings import read_settings
from runtime_handler.errors import StartError


def test_metrics_take_the_name_that_the_stacks_give() -> None:
    """Two environments of a project in one account report under different names."""
    assert read_settings({METRICS_NAME: "shop-prod-iris"}).metrics_name == "shop-prod-iris"
    assert read_settings({}).metrics_name is None


def test_every_value_that_cannot_be_used_is_named_at_once() -> None:
    """A port that is none, a time that is no number: one sentence, before anything is bound."""
    with pytest.raises(StartError) as error:
        read_settings({"PORT": "70000", "CXPACK_POLL_SECONDS": "soon", "CXPACK_SETTLE_SECONDS": "-1"})
    assert str(error.value) == (
        "PORT must be a number from 0 to 65535, not '70000'; "
        "CXPACK_POLL_SECONDS must be a number, not 'soon'; CXPACK_SETTLE_SECONDS must be a number, not '-1'"
    )
