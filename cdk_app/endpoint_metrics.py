"""SageMaker's own metrics of an endpoint ("Metrics for monitoring Amazon SageMaker AI with Amazon CloudWatch").

Alarms and the graphs of requests use these and not the runtime's: no page of AWS's says that SageMaker hands a container's lines
to CloudWatch as they are, without which the metrics in them do not come to be. They also count what no container can tell of
itself: time-outs, and connections that broke.
"""

from cdk_app.metrics import Metric

VARIANT = "live"
"""The one production variant. A deploy must keep its name, or SageMaker takes it for another."""

NAMES = frozenset(
    {
        "Invocations",
        "InvocationModelErrors",
        "Invocation4XXErrors",
        "Invocation5XXErrors",
        "ModelLatency",
        "ConcurrentRequestsPerModel",
    }
)
"""Those that are used; ModelLatency is in microseconds, the others are counts."""


def of_endpoint(name: str, statistic: str, *, endpoint: str) -> Metric:
    """One of NAMES. Raises KeyError for any other."""
    if name not in NAMES:
        raise KeyError(name)
    return Metric(name, {"EndpointName": endpoint, "VariantName": VARIANT}, statistic, "AWS/SageMaker")


def of_instances(name: str, statistic: str, *, endpoint: str) -> Metric:
    """What each instance reports once a minute: CPUUtilization, MemoryUtilization, GPUUtilization."""
    return Metric(name, {"EndpointName": endpoint, "VariantName": VARIANT}, statistic, "/aws/sagemaker/Endpoints")
