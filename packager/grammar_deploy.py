"""The keys of `deploy:`, cxpack's one extension of cortex.yaml: every one is optional and has a default."""

from packager.containers import Either, ListOf, MapOf
from packager.fields import Field, Section
from packager.quantities import Duration, Quantity
from packager.values import Boolean, Choice, Integer, Number, Pattern, Range, Text

_VARIABLE = Pattern(
    regex="[A-Za-z_][A-Za-z0-9_]*", code="deploy.invalid_variable_name", allows="use letters, digits and underscores"
)
_INSTANCE = Pattern(
    regex=r"(ml\.)?[a-z0-9-]+\.[a-z0-9-]+",
    code="deploy.invalid_instance_type",
    allows="write a type like g5.xlarge, or ml.g5.xlarge for SageMaker",
)
_SECRET = Pattern(
    regex=r"arn:[\s\S]+|ssm:/[\s\S]+|secretsmanager:[\s\S]+",
    code="deploy.invalid_secret",
    allows="write an ARN, ssm:/parameter/name or secretsmanager:name",
)
_ISSUER = Pattern(
    regex=r"https://[^\s?#]+",
    code="deploy.invalid_issuer",
    allows="write the https:// address that the tokens' claim iss has, without a query",
)
_ACTION = Pattern(
    regex=r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+",
    code="deploy.invalid_action",
    allows="write a service and an action of it, like s3:GetObject",
)
_RESOURCE = Pattern(
    regex=r"\*|arn:[^:\s]+:[^:\s]+:[^:\s]*:[^:\s]*:.+",
    code="deploy.invalid_resource",
    allows="write an ARN like arn:aws:s3:::bucket/folder/*",
)
"""As in IAM's policies ("Grammar of the IAM JSON policy language"), which are refused for anything else."""

_AUTH_TYPES = Choice(("none", "iam", "jwt"))
AUTH = Section(
    (
        Field("type", _AUTH_TYPES, "who may call the API", required=True, placeholder="none"),
        Field("issuer", Text(what="an https:// address", patterns=(_ISSUER,)), "issuer of the tokens (jwt)"),
        Field("audience", ListOf(Text(), least=1), "audiences that are accepted (jwt)"),
    )
)

THROTTLE = Section(
    (
        Field("rate", Number(Range(above=0)), "requests a second", required=True, placeholder=1.0),
        Field("burst", Integer(Range(minimum=1)), "requests at once", required=True, placeholder=1),
    )
)

PERMISSION = Section(
    (
        Field(
            "actions",
            ListOf(Text(what="an action like s3:GetObject", patterns=(_ACTION,)), least=1),
            "IAM actions",
            required=True,
            placeholder=(),
        ),
        Field(
            "resources",
            ListOf(Text(what="an ARN", patterns=(_RESOURCE,)), least=1),
            "ARNs that they are allowed on",
            required=True,
            placeholder=(),
        ),
        Field("reason", Text(), "why; needed where a * stands alone"),
    )
)

_STRATEGIES = Choice(("all_at_once", "canary", "linear"))
ROLLOUT = Section(
    (
        Field("strategy", _STRATEGIES, "how traffic moves to a new version", required=True, placeholder="canary"),
        Field("percent", Integer(Range(minimum=1, maximum=99)), "share of the traffic that a step moves"),
        Field("interval", Duration(Range(minimum=60)), "time between two steps"),
    )
)

DEPLOY = Section(
    (
        Field("target", Choice(("auto", "lambda", "ecs", "sagemaker")), "where the API runs", default="auto"),
        Field("package", Choice(("image", "zip")), "how code reaches Lambda", default="image"),
        Field(
            "python",
            Choice(("3.10", "3.11", "3.12", "3.13"), versions=True),
            "version of Python (default: 3.12, where the image is offered with it)",
        ),
        Field("architecture", Choice(("x86_64", "arm64")), "processor", default="x86_64"),
        Field("memory", Integer(Range(minimum=128, maximum=10240)), "memory on Lambda in MB, instead of what compute asks for"),
        Field("timeout", Duration(Range(minimum=1, maximum=900)), "longest time for one request"),
        Field("ephemeral_storage", Integer(Range(minimum=512, maximum=10240)), "size of /tmp on Lambda in MB"),
        Field("snap_start", Boolean(), "start Lambda functions from a snapshot", default=False),
        Field("provisioned_concurrency", Integer(Range(minimum=0)), "Lambda environments that are kept ready", default=0),
        Field("reserved_concurrency", Integer(Range(minimum=1)), "most Lambda environments at once, kept free for the API"),
        Field(
            "instance_type",
            Text(what="an instance type", patterns=(_INSTANCE,)),
            "instances to run on: EC2's, or ml.* for SageMaker",
        ),
        Field("permissions", ListOf(PERMISSION), "what the API may do in AWS", default=()),
        Field("auth", Either(_AUTH_TYPES, AUTH, "type"), "who may call the API (default: everybody)"),
        Field("throttle", THROTTLE, "most requests that are let in"),
        Field("secrets", MapOf(Text(patterns=(_SECRET,)), _VARIABLE), "environment variables from secrets", default={}),
        Field("warmup", Text(what="a JSON file of the project"), "request that is predicted before the API is ready"),
        Field(
            "cache_bytes", Quantity(example="2Gi", minimum="1"), "memory for loaded models; each counts as 1.3 times its files"
        ),
        Field("disk_cache_bytes", Quantity(example="8Gi", minimum="1"), "disk for models' files, at least cache_bytes"),
        Field("rollout", Either(_STRATEGIES, ROLLOUT, "strategy"), "how a new version takes over"),
    )
)
