class PythonPredictor:
    def __init__(self, config):
        pass

    def predict():
        return 1
