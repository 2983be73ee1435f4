"""Names the iris whose average flower is closest to the one in the request."""

from math import dist

FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


class PythonPredictor:
    """Made once per process; `predict` is called for each request."""

    def __init__(self, config):
        self.centers = config["centers"]

    def predict(self, payload):
        """`payload` is the request's JSON; what is returned becomes the answer's."""
        flower = [payload[feature] for feature in FEATURES]
        return {"label": min(self.centers, key=lambda label: dist(flower, self.centers[label]))}
