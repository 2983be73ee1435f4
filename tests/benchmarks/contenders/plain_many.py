"""FastAPI with a dict of the models used last. MODELS is their folder, CACHE how many are kept."""

import os
import threading
from collections import OrderedDict

import numpy
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel
from sessions import a_session

CACHE = int(os.environ["CACHE"])


class Payload(BaseModel):
    values: list[float]


app = FastAPI()
sessions: OrderedDict[str, onnxruntime.InferenceSession] = OrderedDict()
lock = threading.Lock()


def get(model: str) -> onnxruntime.InferenceSession:
    with lock:
        if model not in sessions:
            sessions[model] = a_session(f"{os.environ['MODELS']}/{model}/1/model.onnx")
            if len(sessions) > CACHE:
                sessions.popitem(last=False)
        sessions.move_to_end(model)
        return sessions[model]


@app.post("/predict")
def predict(payload: Payload, model: str) -> list[float]:
    [scores] = get(model).run(None, {"values": numpy.array([payload.values], dtype=numpy.float32)})
    return scores[0].tolist()
