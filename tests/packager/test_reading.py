from packager.reading import read_text

OVERVIEW = b"""\
- name: iris-classifier
  predictor:
    type: python
    path: predictor.py
    config:
      bucket: cortex-examples
  monitoring:
    model_type: classification
  compute:
    cpu: 0.2
    mem: 100M
"""


def test_the_overview_of_cortex_is_read_with_defaults() -> None:
    """A file of 0.17, without kind, is a RealtimeAPI with Cortex's defaults."""
    reading = read_text(OVERVIEW, "cortex.yaml")
    assert reading.problems == ()
    (api,) = reading.apis
    assert (api.name, api.kind, api.line, api.networking.endpoint) == ("iris-classifier", "RealtimeAPI", 1, "/iris-classifier")
    assert api.compute.mem == 100_000_000
    assert api.compute.cpu == 0.2
    assert api.serve is not None
    assert api.serve.predictor.config == {"bucket": "cortex-examples"}


def test_three_mistakes_give_three_problems() -> None:
    """Everything wrong is said at once, each with its line and what to do."""
    text = OVERVIEW.replace(b"type: python", b"type: pyton").replace(b"cpu", b"cpus").replace(b"100M", b"100Q")
    assert [(problem.line, problem.code) for problem in read_text(text, "cortex.yaml").problems] == [
        (3, "configreader.invalid_str"),
        (10, "configreader.unsupported_key"),
        (11, "k8s.parse_quantity"),
    ]
