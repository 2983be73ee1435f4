class ONNXPredictor:
    def __init__(self, onnx_client, config):
        self.config = config

    def predict(self, payload):
        return payload
