FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
LABELS = ["setosa", "versicolor", "virginica"]


class ONNXPredictor:
    def __init__(self, onnx_client, config):
        self.client = onnx_client

    def predict(self, payload):
        measurements = [payload[feature] for feature in FEATURES]
        class_ids, probabilities = self.client.predict(measurements)
        class_id = int(class_ids[0])
        return {"label": LABELS[class_id], "probability": round(float(probabilities[0][class_id]), 2)}
