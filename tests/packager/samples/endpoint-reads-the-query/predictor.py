class Base:
    def predict(self, payload, query_params):
        return payload, query_params


class PythonPredictor(Base):
    def __init__(self, config):
        self.config = config

    def post_predict(
        self,
        response,
        headers=None,
    ):
        self.last = headers
