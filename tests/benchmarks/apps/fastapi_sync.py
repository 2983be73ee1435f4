"""What a user would write without cxpack: FastAPI with a plain `def` endpoint around an onnxruntime session."""

import sys
from typing import Annotated

import numpy
import onnxruntime
import uvicorn
from fastapi import Body, FastAPI

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options)
app = FastAPI()


@app.post("/iris")
def predict(payload: Annotated[list[float], Body()]) -> dict[str, list[float]]:
    [output] = session.run(None, {"x": numpy.array([payload], dtype=numpy.float32)})
    return {"scores": output[0].tolist()}


@app.get("/-/ready")
def ready() -> bool:
    return True


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_config=None, access_log=False)
