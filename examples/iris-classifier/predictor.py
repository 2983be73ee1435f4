import joblib

FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
LABELS = ["setosa", "versicolor", "virginica"]


class PythonPredictor:
    def __init__(self, config):
        self.model = joblib.load(config["model"])

    def predict(self, payload):
        measurements = [payload[feature] for feature in FEATURES]
        class_id = self.model.predict([measurements])[0]
        return LABELS[class_id]
