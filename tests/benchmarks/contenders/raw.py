"""The limit of the stack: plain ASGI, orjson, the model run on the loop. MODEL is the file."""

import os
from typing import Any

import numpy
import orjson
from sessions import a_session

session = a_session(os.environ["MODEL"])


async def app(scope: Any, receive: Any, send: Any) -> None:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    [scores] = session.run(None, {"values": numpy.array([orjson.loads(body)["values"]], dtype=numpy.float32)})
    answer = orjson.dumps(scores[0].tolist())
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
