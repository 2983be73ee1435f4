"""python, onnx and tensorflow: each a layout rule, a loader and a client."""
