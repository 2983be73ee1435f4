"""The limit of the stack: uvicorn, orjson and the session, on the event loop, with nothing in between."""

import json
import sys

import numpy
import onnxruntime
import orjson
import uvicorn

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options)


async def app(scope, receive, send):
    body = b"true"
    if scope["method"] == "POST":
        payload = orjson.loads((await receive())["body"])
        [output] = session.run(None, {"x": numpy.array([payload], dtype=numpy.float32)})
        body = json.dumps({"scores": output[0].tolist()}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_config=None, access_log=False, lifespan="off", http="httptools")
