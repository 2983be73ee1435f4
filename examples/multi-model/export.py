"""Trains the models of one API on scikit-learn's own copy of the iris data, into models/ beside this file.

`tree` has one version and no version folder, `logistic` has the versions 1 (sepals only) and 2 (all four features).
"""

from pathlib import Path

import joblib
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

MODELS = Path(__file__).parent / "models"
SEPALS = [0, 1]


def save(model, folder):
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model.fit(iris.data, iris.target), folder / "model.joblib")


iris = load_iris()
save(DecisionTreeClassifier(max_depth=2, random_state=0), MODELS / "tree")
save(make_pipeline(make_column_transformer(("passthrough", SEPALS)), LogisticRegression()), MODELS / "logistic" / "1")
save(LogisticRegression(max_iter=1000), MODELS / "logistic" / "2")
