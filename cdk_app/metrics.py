"""The runtime's metrics of one API, as CloudWatch properties: alarms, scaling and dashboards take them from here.

Names come from the contract with the runtime; a name that it does not emit is a KeyError at synthesis, and no alarm that
never goes off.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import aws_cloudwatch as cloudwatch

from runtime_handler.contract import METRICS, METRICS_NAMESPACE

CODES = ("2XX", "3XX", "4XX", "5XX")
"""The values of the dimension Code of StatusCode."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with its dimensions; `statistic` as CloudWatch writes it: Sum, Average, p99, SampleCount."""

    name: str
    dimensions: Mapping[str, str]
    statistic: str
    namespace: str = METRICS_NAMESPACE

    def query(self, identifier: str, period_s: int) -> cloudwatch.CfnAlarm.MetricDataQueryProperty:
        """An input of an alarm's expression."""
        return cloudwatch.CfnAlarm.MetricDataQueryProperty(
            id=identifier,
            return_data=False,
            metric_stat=cloudwatch.CfnAlarm.MetricStatProperty(
                period=period_s,
                stat=self.statistic,
                metric=cloudwatch.CfnAlarm.MetricProperty(
                    namespace=self.namespace,
                    metric_name=self.name,
                    dimensions=[
                        cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value) for name, value in self.dimensions.items()
                    ],
                ),
            ),
        )

    def row(self, label: str, **options: object) -> Sequence[object]:
        """A line of a dashboard's graph."""
        pairs = [part for pair in self.dimensions.items() for part in pair]
        return [self.namespace, self.name, *pairs, {"stat": self.statistic, "label": label, **options}]


def emitted(name: str, statistic: str, *, of: str, **dimensions: str) -> Metric:
    """A metric that the runtime emits, of the API whose value of APIName is `of`.

    Raises KeyError for a name that the contract does not have.
    """
    assert METRICS[name]
    return Metric(name, {"APIName": of, **dimensions}, statistic)
