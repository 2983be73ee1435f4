"""Which keys cortex.yaml has: the tables of Cortex 0.22, to which `dialect` brings every other release's files.

One table per section and kind. The parser, the JSON Schema, the compatibility report and the documentation read them.
"""

from collections.abc import Iterator

from packager.containers import ListOf
from packager.fields import Field, Section
from packager.grammar_deploy import DEPLOY
from packager.grammar_predictor import PREDICTOR
from packager.quantities import Duration, Quantity, Replicas
from packager.spec import QUARTER
from packager.values import Choice, Integer, Number, Pattern, Range, Text

_NAME = Pattern(
    regex="[a-z]([-a-z0-9]*[a-z0-9])?",
    code="urls.dns1035",
    allows="use lower-case letters, digits and dashes, begin with a letter and end with a letter or digit",
)
_ENDPOINT = (
    Pattern(
        regex=r"[A-Za-z0-9_\-./]*", code="urls.endpoint", allows="use letters, digits, dashes, underscores, dots and slashes"
    ),
    Pattern(regex=r"(?![\s\S]*//)[\s\S]*", code="urls.endpoint_double_slash", allows="write one slash between two parts"),
    Pattern(regex=r"(?!/$)[\s\S]*", code="urls.endpoint_empty_path", allows="a path is needed after the slash, like /my-api"),
)

KINDS = ("RealtimeAPI", "BatchAPI", "TrafficSplitter")

_ONE = Range(minimum=1)

COMPUTE = Section(
    (
        Field(
            "cpu",
            Quantity(example="200m or 0.5", minimum="20m", numbers=True),
            "vCPUs of each replica",
            default=0.2,
            nullable=True,
        ),
        Field("mem", Quantity(example="512Mi or 4G", minimum="20Mi"), "memory of each replica", nullable=True),
        Field("gpu", Integer(Range(minimum=0)), "GPUs of each replica", default=0),
        Field(
            "inf",
            Integer(Range(minimum=0)),
            "Inferentia chips of each replica",
            default=0,
            predictor_types=("python", "tensorflow"),
        ),
    )
)

AUTOSCALING = Section(
    (
        Field("min_replicas", Integer(Range(minimum=0)), "fewest replicas", default=1),
        Field("max_replicas", Integer(_ONE), "most replicas", default=100),
        Field("init_replicas", Integer(Range(minimum=0)), "replicas to start with (default: min_replicas)"),
        Field(
            "target_replica_concurrency",
            Number(Range(above=0)),
            "requests in flight wanted per replica (default: processes x threads)",
        ),
        Field(
            "max_replica_concurrency",
            Integer(Range(minimum=1, maximum=30000)),
            "requests in flight allowed per replica",
            default=1024,
        ),
        Field("window", Duration(Range(minimum=10), multiple_s=10), "time over which concurrency is averaged", default=60.0),
        Field(
            "downscale_stabilization_period",
            Duration(Range(minimum=0)),
            "how long to wait before removing replicas",
            default=300.0,
        ),
        Field(
            "upscale_stabilization_period", Duration(Range(minimum=0)), "how long to wait before adding replicas", default=60.0
        ),
        Field(
            "max_downscale_factor",
            Number(Range(minimum=0, below=1)),
            "share of replicas that one step keeps at least",
            default=0.75,
        ),
        Field("max_upscale_factor", Number(Range(above=1)), "factor that one step grows by at most", default=1.5),
        Field(
            "downscale_tolerance",
            Number(Range(minimum=0, below=1)),
            "deviation below the target that is left alone",
            default=0.05,
        ),
        Field("upscale_tolerance", Number(Range(minimum=0)), "deviation above the target that is left alone", default=0.05),
        Field("target_cpu_utilization", Integer(_ONE), "per cent of CPU that Cortex before 0.14 scaled on"),
    )
)

UPDATE_STRATEGY = Section(
    (
        Field("max_surge", Replicas(), "replicas beyond the wanted number during an update (default: 25%)", default=QUARTER),
        Field("max_unavailable", Replicas(), "replicas that may be missing during an update (default: 25%)", default=QUARTER),
    )
)

MONITORING = Section(
    (
        Field(
            "model_type",
            Choice(("classification", "regression")),
            "what predictions are",
            required=True,
            placeholder="classification",
        ),
        Field("key", Text(), "key of the returned dict that holds the prediction"),
    )
)

_GATEWAY = (
    Field(
        "endpoint", Text(what="a path like /my-api", max_length=1000, patterns=_ENDPOINT), "path of the URL (default: /<name>)"
    ),
    Field("api_gateway", Choice(("public", "none")), "whether the API gets a public URL", default="public"),
)
NETWORKING = Section(_GATEWAY)
LOCAL_NETWORKING = Section((*_GATEWAY, Field("local_port", Integer(Range(minimum=1, maximum=65535)), "port when run locally")))

_NAMED = (
    Field("name", Text(patterns=(_NAME,), max_length=42), "the API's name", required=True, placeholder=""),
    Field("kind", Choice(KINDS), "what the entry is (default: RealtimeAPI)", default="RealtimeAPI"),
)
_PREDICTOR = Field("predictor", PREDICTOR, "the model server", required=True, placeholder=None)
_COMPUTE = Field("compute", COMPUTE, "what each replica needs", default=COMPUTE)
_DEPLOY = Field("deploy", DEPLOY, "cxpack's own choices; every one has a default")

SECTIONS = {
    "RealtimeAPI": Section(
        (
            *_NAMED,
            _PREDICTOR,
            Field("networking", LOCAL_NETWORKING, "where requests arrive", default=LOCAL_NETWORKING),
            _COMPUTE,
            Field("monitoring", MONITORING, "count or measure predictions", nullable=True),
            Field("autoscaling", AUTOSCALING, "how many replicas run", default=AUTOSCALING, nullable=True),
            Field("update_strategy", UPDATE_STRATEGY, "how replicas are replaced", default=UPDATE_STRATEGY, nullable=True),
            _DEPLOY,
        )
    ),
    "BatchAPI": Section(
        (*_NAMED, _PREDICTOR, Field("networking", NETWORKING, "where jobs arrive", default=NETWORKING), _COMPUTE, _DEPLOY)
    ),
    "TrafficSplitter": Section(
        (
            *_NAMED,
            Field("networking", NETWORKING, "where requests arrive", default=NETWORKING),
            Field(
                "apis",
                ListOf(
                    Section(
                        (
                            Field("name", Text(), "a RealtimeAPI", required=True, placeholder=""),
                            Field(
                                "weight",
                                Integer(Range(minimum=0, maximum=100)),
                                "per cent of the requests",
                                required=True,
                                placeholder=0,
                            ),
                        )
                    ),
                    least=1,
                ),
                "the APIs that share the requests",
                required=True,
                placeholder=(),
            ),
            _DEPLOY,
        )
    ),
}
"""The keys of an entry, by its kind."""


def walk(section: Section, at: str = "") -> Iterator[tuple[str, Field]]:
    """Every key below a section with its canonical path; an item of a list is written `[]` (`predictor.models.paths[].name`)."""
    for each in section.fields:
        path = f"{at}.{each.key}" if at else each.key
        yield path, each
        inner, suffix = each.type, ""
        if isinstance(inner, ListOf):
            inner, suffix = inner.item, "[]"
        if isinstance(inner, Section):
            yield from walk(inner, path + suffix)


def homes() -> dict[str, str]:
    """For each key that has one place in the language, a sentence that says where, for those who wrote it elsewhere."""
    sections: dict[str, set[str]] = {}
    kinds: dict[str, list[str]] = {}
    for kind, section in SECTIONS.items():
        for path, each in walk(section):
            sections.setdefault(each.key, set()).add(path.rpartition(".")[0])
        for each in section.fields:
            kinds.setdefault(each.key, []).append(kind)
    within = {key: f"it belongs in {next(iter(found))}" for key, found in sections.items() if len(found) == 1 and "" not in found}
    of_some = {key: f"it is for kind {' and '.join(found)} only" for key, found in kinds.items() if len(found) < len(SECTIONS)}
    return within | of_some
