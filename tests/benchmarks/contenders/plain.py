"""What a user would write: FastAPI, a sync endpoint, pydantic on both ends. MODEL is the file."""

import os

import numpy
from fastapi import FastAPI
from pydantic import BaseModel
from sessions import a_session


class Payload(BaseModel):
    values: list[float]


app = FastAPI()
session = a_session(os.environ["MODEL"])


@app.post("/predict")
def predict(payload: Payload) -> list[float]:
    [scores] = session.run(None, {"values": numpy.array([payload.values], dtype=numpy.float32)})
    return scores[0].tolist()
