"""`cxpack predict`: POST a JSON file to an API, signed where it is an endpoint of SageMaker, and hand back its answer."""

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from packager.reading import NoSuchApi

TIMEOUT_S = 60


class NoAnswer(Exception):
    """Nobody answered at the URL."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of the response; `text` is pretty-printed when it is JSON."""

    status: int
    text: str


def is_url(api: str) -> bool:
    """Whether the argument is an address rather than an API's name."""
    return api.startswith(("http://", "https://"))


def stack_url(project: str, environment: str, api: str) -> str:
    """The `Url` output of the API's stack.

    Raises NoSuchApi when no such API is deployed or it has no URL, AwsError when AWS cannot be asked.
    """
    from packager.deployed.stacks import deployed_apis

    standing = {deployed.name: deployed for deployed in deployed_apis(project, environment)}
    if api not in standing:
        raise NoSuchApi(f"no API {api} of {project}-{environment} is deployed; there are: {', '.join(standing) or 'none'}")
    url = standing[api].url
    if url is None:
        raise NoSuchApi(f"stack {standing[api].stack} has no Url output: it is {standing[api].status}, or not public")
    return url


def predict(url: str, body: bytes) -> Answer:
    """POST `body` as JSON.

    Raises NoAnswer when the URL is none, nobody listens, the connection breaks, or AWS does not let us in.
    """
    if url.split("/")[2].startswith("runtime.sagemaker."):
        return _invoke(url, body)
    try:
        request = urllib.request.Request(  # noqa: S310 - is_url has admitted http and https only
            url, data=body, headers={"content-type": "application/json"}, method="POST"
        )
        status, response = _opened(request)
        with response:
            return Answer(status, _pretty(response.read(), response.headers.get("content-type", "")))
    except (http.client.InvalidURL, ValueError) as error:
        raise NoAnswer(f"{url} is no address ({error}); write it as `cxpack get` does") from None
    except http.client.HTTPException as error:
        raise NoAnswer(f"{url} breaks off its answer, or speaks no HTTP ({type(error).__name__}: {error})") from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise NoAnswer(f"{url} does not answer ({reason}); is it deployed, or `cxpack local` running?") from None


def _opened(request: urllib.request.Request) -> tuple[int, http.client.HTTPResponse | urllib.error.HTTPError]:
    """The status, and the response that has it, whichever it is."""
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT_S)  # noqa: S310 - as above
    except urllib.error.HTTPError as error:
        return error.code, error
    return response.status, response


def _invoke(url: str, body: bytes) -> Answer:
    from packager.deployed.endpoint import endpoint_at, invoke
    from packager.deployed.session import AwsError

    endpoint = endpoint_at(url)
    if endpoint is None:
        raise NoAnswer(
            f"{url} is no address of an endpoint: https://runtime.sagemaker.REGION.amazonaws.com/endpoints/NAME/invocations"
        )
    try:
        answer = invoke(endpoint, body)
    except AwsError as error:
        raise NoAnswer(f"{url}: {error}") from None
    return Answer(answer.status, _pretty(answer.body, answer.content_type or "application/json"))


def read_body(file: str, stdin: bytes | None) -> bytes:
    """The request body: of the file, or of standard input for `-`; checked to be JSON before anybody is asked.

    Raises ValueError with one sentence.
    """
    name = "standard input" if stdin is not None else file
    try:
        body = stdin if stdin is not None else Path(file).read_bytes()
    except OSError as error:
        raise ValueError(f"{file}: cannot be read ({error.strerror})") from None
    try:
        json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name}: is not JSON ({error})") from None
    return body


def _pretty(body: bytes, content_type: str) -> str:
    if content_type.startswith("application/json"):
        try:
            return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
        except (ValueError, RecursionError):
            pass  # the API says JSON and sends something else, or too deep a one: print what it sends
    return body.decode(errors="replace")
