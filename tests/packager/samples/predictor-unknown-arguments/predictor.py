class PythonPredictor:
    def __init__(self, config, model):
        self.config = config

    def predict(self, payload, batch):
        return payload
