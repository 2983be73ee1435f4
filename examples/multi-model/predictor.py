import os

import joblib

FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
LABELS = ["setosa", "versicolor", "virginica"]


class PythonPredictor:
    def __init__(self, config, python_client):
        self.client = python_client

    def load_model(self, model_path):
        return joblib.load(os.path.join(model_path, "model.joblib"))

    def predict(self, payload, query_params):
        name = query_params.get("model", "logistic")
        version = query_params.get("version", "latest")
        model = self.client.get_model(name, version)
        measurements = [payload[feature] for feature in FEATURES]
        class_id = model.predict([measurements])[0]
        return {"model": name, "version": version, "label": LABELS[class_id]}
