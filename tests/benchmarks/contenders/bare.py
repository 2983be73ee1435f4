"""The limit on Lambda: a handler function and nothing around it. MODEL is the file."""

import json
import os
from typing import Any

import numpy
from sessions import a_session

session = a_session(os.environ["MODEL"])


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    values = json.loads(event["body"])["values"]
    [scores] = session.run(None, {"values": numpy.array([values], dtype=numpy.float32)})
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(scores[0].tolist())}
