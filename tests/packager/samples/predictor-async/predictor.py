class PythonPredictor:
    def __init__(self, config):
        self.config = config

    async def predict(self, payload):
        return payload
