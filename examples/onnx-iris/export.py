"""Trains a classifier on scikit-learn's own copy of the iris data and exports it as ONNX, as version 1 of models/iris."""

from pathlib import Path

from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

VERSION = Path(__file__).parent / "models" / "iris" / "1"

iris = load_iris()
classifier = LogisticRegression(max_iter=1000).fit(iris.data, iris.target)
model = to_onnx(
    classifier,
    initial_types=[("measurements", FloatTensorType([None, len(iris.feature_names)]))],
    options={"zipmap": False},
    target_opset=17,
)
model.graph.name = "iris"  # otherwise a random one
VERSION.mkdir(parents=True, exist_ok=True)
(VERSION / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
