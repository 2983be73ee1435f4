"""SageMaker's container contract, asked of a real process."""

from pathlib import Path

from runtime_handler.contract import SINGLE_MODEL, ModelPath, ModelsSpec
from tests.runtime_handler.harness import a_spec, free_port, run_to_exit, serving, write_context

PREDICTOR = """
from pathlib import Path

class PythonPredictor:
    def __init__(self, config, python_client):
        self.client = python_client

    def load_model(self, model_path):
        return (Path(model_path) / "weights.txt").read_text()

    def predict(self, payload):
        return self.client.get_model() + payload
"""

ONE = ModelsSpec(paths=(ModelPath(name=SINGLE_MODEL, path="models/one"),))


def a_model(folder: Path, weights: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "weights.txt").write_text(weights)
    return folder


def test_the_platforms_model_folder_replaces_the_configured_model(tmp_path: Path) -> None:
    """What SageMaker unpacked is served, on the port that it chose; without it, the packed model is."""
    context = write_context(tmp_path / "context", {"predictor.py": PREDICTOR}, a_spec(models=ONE))
    a_model(context / "models/one", "packed ")
    (tmp_path / "empty").mkdir()
    for folder, weights in ((a_model(tmp_path / "platform", "platform "), "platform x"), (tmp_path / "empty", "packed x")):
        environment = {"SM_MODEL_DIR": str(folder), "SAGEMAKER_BIND_TO_PORT": str(free_port()), "CXPACK_SETTLE_SECONDS": "0"}
        with serving(context, arguments=("serve",), CXPACK_MODEL_STORE=str(tmp_path / "store"), **environment) as server:
            assert server.client.get("/ping").status_code == 200
            assert server.client.post("/invocations", json="x").text == weights


def test_the_multi_model_interface(tmp_path: Path) -> None:
    """Load, list, invoke, unload: the status codes that the platform acts on, models by their own names."""
    spec = a_spec(models=ONE, processes_per_replica=2)  # which would not know of each other's models
    context = write_context(tmp_path / "context", {"predictor.py": PREDICTOR}, spec)
    folders = {name: a_model(tmp_path / name, f"{name} ") for name in ("a", "b")}
    with serving(context, SAGEMAKER_MULTI_MODEL="true", CXPACK_MODEL_STORE=str(tmp_path / "store")) as server:
        client = server.client
        assert client.get("/ping").status_code == 200
        assert client.get("/models").json() == {"models": []}
        assert client.post("/models/a/invoke", json="x").status_code == 404
        for name, folder in folders.items():
            assert client.post("/models", json={"model_name": name, "url": str(folder)}).status_code == 200
        assert client.post("/models", json={"model_name": "a", "url": str(folders["a"])}).status_code == 409
        assert client.post("/models", json={"model_name": "c", "url": str(tmp_path / "nothing")}).status_code == 400
        assert client.post("/models", json={"name": "c"}).status_code == 400
        assert client.post("/models/a/invoke", json="x").text == "a x"
        assert client.post("/models/b/invoke", json="x").text == "b x"
        assert client.get("/models/a").json() == {"modelName": "a", "modelUrl": str(folders["a"])}
        assert [model["modelName"] for model in client.get("/models").json()["models"]] == ["a", "b"]
        assert client.delete("/models/a").status_code == 200
        assert client.delete("/models/a").status_code == 404
        assert client.get("/models/a").status_code == 404
        assert client.post("/models/a/invoke", json="x").status_code == 404
        assert client.post("/models/b/invoke", json="x").text == "b x"
        assert client.put("/models/b").status_code in (404, 405)
        assert client.post("/invocations", json="x").json()["kind"] == "missing_model_name"
        assert client.get("/modelsb").json()["kind"] == client.get("/elsewhere").json()["kind"]


def test_more_models_than_there_is_room_for(tmp_path: Path) -> None:
    """507 makes the platform unload something; afterwards the model fits."""
    models = ModelsSpec(dir="models", cache_size=1, disk_cache_size=1)
    context = write_context(tmp_path / "context", {"predictor.py": PREDICTOR}, a_spec(models=models))
    with serving(context, SAGEMAKER_MULTI_MODEL="true", CXPACK_MODEL_STORE=str(tmp_path / "store")) as server:
        post = {name: {"model_name": name, "url": str(a_model(tmp_path / name, name))} for name in ("a", "b")}
        assert server.client.post("/models", json=post["a"]).status_code == 200
        assert server.client.post("/models", json=post["b"]).status_code == 507
        assert server.client.delete("/models/a").status_code == 200
        assert server.client.post("/models", json=post["b"]).status_code == 200


def test_a_predictor_without_models_cannot_be_a_multi_model_endpoint(tmp_path: Path) -> None:
    """One sentence, and exit code 1."""
    context = write_context(tmp_path, {"predictor.py": PREDICTOR})
    ended = run_to_exit(context, SAGEMAKER_MULTI_MODEL="true")
    assert ended.returncode == 1
    assert "SAGEMAKER_MULTI_MODEL is set, but the predictor has no models" in ended.stderr
