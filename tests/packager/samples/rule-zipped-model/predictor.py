class TensorFlowPredictor:
    def __init__(self, tensorflow_client, config):
        self.config = config

    def predict(self, payload):
        return payload
