class PythonPredictor:
    def __init__(self):
        pass

    def predict(self, payload):
        return payload
