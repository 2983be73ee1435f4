FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
LABELS = ["setosa", "versicolor", "virginica"]


class TensorFlowPredictor:
    def __init__(self, tensorflow_client, config):
        self.client = tensorflow_client

    def predict(self, payload):
        measurements = [payload[feature] for feature in FEATURES]
        prediction = self.client.predict({"measurements": [measurements]})
        class_id = int(prediction["class_id"][0])
        return {"label": LABELS[class_id], "probability": round(prediction["probabilities"][class_id], 2)}
