"""Trains the two classifiers on scikit-learn's own copy of the iris data, into models/ beside this file."""

from pathlib import Path

import joblib
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

MODELS = Path(__file__).parent / "models"

iris = load_iris()
MODELS.mkdir(exist_ok=True)
joblib.dump(LogisticRegression(max_iter=1000).fit(iris.data, iris.target), MODELS / "iris.joblib")
joblib.dump(DecisionTreeClassifier(max_depth=2, random_state=0).fit(iris.data, iris.target), MODELS / "another-iris.joblib")
