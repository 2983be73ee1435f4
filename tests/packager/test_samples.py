"""Every mistake and every dialect has a folder under samples/, named for it, with the expected problems beside it."""

from pathlib import Path

import pytest

from packager.problem import any_error
from packager.reading import read_project

SAMPLES = Path(__file__).parent / "samples"
FOLDERS = sorted(folder.name for folder in SAMPLES.iterdir())

CORTEX_CODES = [
    "configreader.invalid_yaml",
    "configreader.unsupported_key",
    "configreader.must_be_defined",
    "configreader.cannot_be_null",
    "configreader.cannot_be_empty",
    "configreader.invalid_primitive_type",
    "configreader.invalid_str",
    "configreader.disallowed_value",
    "configreader.must_be_greater_than",
    "configreader.must_be_greater_than_or_equal_to",
    "configreader.must_be_less_than",
    "configreader.must_be_less_than_or_equal_to",
    "configreader.is_not_multiple",
    "configreader.too_long",
    "configreader.alpha_numeric_dash_underscore",
    "configreader.non_string_key_found",
    "urls.dns1035",
    "urls.endpoint",
    "urls.endpoint_double_slash",
    "urls.endpoint_empty_path",
    "k8s.parse_quantity",
    "spec.malformed_config",
    "spec.no_apis",
    "spec.duplicate_name",
    "spec.duplicate_endpoint_in_one_deploy",
    "spec.conflicting_fields",
    "spec.specify_one_or_the_other",
    "spec.specify_all_or_none",
    "spec.config_greater_than_other_config",
    "spec.model_caching_not_supported_when_multiprocessing_enabled",
    "spec.key_is_not_supported_for_kind",
    "spec.min_replicas_greater_than_max",
    "spec.init_replicas_greater_than_max",
    "spec.init_replicas_less_than_min",
    "spec.invalid_surge_or_unavailable",
    "spec.surge_and_unavailable_both_zero",
    "spec.missing_model",
    "spec.duplicate_model_names",
    "spec.reserved_model_name",
    "spec.model_path_not_directory",
    "spec.file_not_found",
    "spec.invalid_tensorflow_model_path",
    "spec.invalid_onnx_model_path",
    "spec.field_not_supported_by_predictor_type",
    "spec.insufficient_batch_concurrency_level",
    "spec.insufficient_batch_concurrency_level_inf",
    "spec.must_be_relative_project_path",
    "spec.python_path_not_found",
    "files.file_does_not_exist",
    "spec.cortex_prefixed_env_var_not_allowed",
    "spec.compute_resource_conflict",
    "spec.invalid_number_of_infs",
    "spec.invalid_number_of_inf_processes",
    "spec.incorrect_traffic_splitter_weight",
    "spec.traffic_splitter_apis_not_unique",
    "aws.invalid_s3_path",
    "resources.apis_not_deployed",
]


def problems_of(folder: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(SAMPLES / folder)
    found = read_project(Path("cortex.yaml")).problems
    return "\n".join(f"{problem.severity} {problem.code}\n{problem}\n" for problem in found)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_sample_has_the_problems_written_beside_it(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Severity, code, file, line, path and sentence of each, all at once, in order."""
    expected = (SAMPLES / folder / "problems.txt").read_text(encoding="utf-8")
    assert problems_of(folder, monkeypatch) == expected


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if folder[:9] == "dialect-0"])
def test_files_of_every_release_are_read_without_error(folder: str) -> None:
    """What deployed on Cortex 0.13 to 0.25 is accepted as it is."""
    reading = read_project(SAMPLES / folder / "cortex.yaml")
    assert reading.apis
    assert not any_error(reading.problems)


def test_every_code_of_cortex_that_needs_no_aws_has_a_sample() -> None:
    """The codes that users' scripts may look for are Cortex's own."""
    texts = [(SAMPLES / folder / "problems.txt").read_text(encoding="utf-8") for folder in FOLDERS]
    shown = {line.split()[1] for text in texts for line in text.splitlines() if line.startswith(("error ", "warning ", "note "))}
    assert set(CORTEX_CODES) <= shown


def test_a_sample_is_wrong_in_one_way() -> None:
    """One cause, so at most a few errors; more would bury the one that matters."""
    for folder in FOLDERS:
        text = (SAMPLES / folder / "problems.txt").read_text(encoding="utf-8")
        assert text.count("error ") <= 8, folder
