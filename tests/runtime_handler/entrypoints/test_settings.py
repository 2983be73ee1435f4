"""The environment that the stacks give a container, as the runtime reads it."""

from runtime_handler.contract import METRICS_NAME
from runtime_handler.entrypoints.settings import read_settings


def test_metrics_take_the_name_that_the_stacks_give() -> None:
    """Two environments of a project in one account report under different names."""
    assert read_settings({METRICS_NAME: "shop-prod-iris"}).metrics_name == "shop-prod-iris"
    assert read_settings({}).metrics_name is None
