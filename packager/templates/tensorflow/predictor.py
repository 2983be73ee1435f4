"""Names the iris that the model gives the highest score."""

FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
LABELS = ["setosa", "versicolor", "virginica"]


class TensorFlowPredictor:
    """Made once per process; `predict` is called for each request."""

    def __init__(self, tensorflow_client, config):
        self.client = tensorflow_client

    def predict(self, payload):
        """`payload` is the request's JSON; what is returned becomes the answer's."""
        flower = [payload[feature] for feature in FEATURES]
        scores = self.client.predict({"measurements": [flower]})["scores"]
        return {"label": LABELS[scores.index(max(scores))]}
