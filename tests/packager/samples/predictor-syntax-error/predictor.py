class PythonPredictor:
    def __init__(self, config)
        pass
