"""Predictions over HTTP past uvicorn's own way of running an app, which costs about as much as a small model.

It stays for everything else: forms, large uploads, pipelined requests, user code's response objects, all other routes.
"""

from typing import Any, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from runtime_handler.app import App
from runtime_handler.codec import is_form
from runtime_handler.entrypoints.direct_exchange import Exchange
from runtime_handler.entrypoints.in_turn import InTurn
from runtime_handler.entrypoints.last_words import LARGE_HEAD, LONGEST_HEAD, NO_HTTP, SILENT, WORKER_ENDED
from runtime_handler.entrypoints.patience import Patience

LONGEST_LENGTH = 6
"""Digits of the content-length of a body that is taken whole before the app sees it: below 1 MB."""


class DirectProtocol(HttpToolsProtocol):
    """uvicorn's protocol, except for predictions whose request is small and comes when nothing else is under way."""

    direct: App
    predict_paths: frozenset[bytes]
    _answering: Any = None
    """The cycle whose answer is under way or was the last; `cycle` is that of the newest request, which may have to wait."""
    _offered = False
    """Whether the request that is being read offers another protocol."""
    _incomplete = False
    """Whether a request has begun to come, and more of it is to come."""
    _in_head = False
    _head_bytes = 0
    """Of a head that came in several pieces, without the first, in which others may be; below 0 until that one is read."""
    _last_words: bytes | None = None
    """What the caller is told when the requests that are under way are answered: what came after them is no request."""

    @classmethod
    def of(cls, app: App, paths: frozenset[bytes]) -> type["DirectProtocol"]:
        """The protocol class that has POSTs to `paths` answered by `app`, whose `Run` is one of `predicting`."""
        return type(cls.__name__, (cls,), {"direct": app, "predict_paths": paths})

    def connection_made(self, transport: Any) -> None:
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self.flow = InTurn(transport, self.pipeline)
        self._patience = Patience(self.loop, lambda: self.flow.read_paused, self._silent)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._last_words is not None:
            return
        came = len(data)
        while True:
            try:
                self.parser.feed_data(data)
            except HttpParserUpgrade as offer:
                if self._offered:
                    data = self._declined(data[offer.args[0] :])
                    continue
            except HttpParserError:
                self.logger.warning("Invalid HTTP request received.")
                self._refuse(NO_HTTP)
            break
        if self._incomplete:
            self._patience.wait()
        if self._in_head:
            self._head_bytes = self._head_bytes + came if self._head_bytes >= 0 else 0
            if self._head_bytes > LONGEST_HEAD:
                self._refuse(LARGE_HEAD)

    def on_message_begin(self) -> None:
        """See httptools."""
        self._incomplete, self._offered, self._in_head, self._head_bytes = True, False, True, -1
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """See httptools."""
        self._in_head = False
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._offered = True  # the parser takes what follows for the other protocol, not for the body that it is
            return
        path, _, query = self.url.partition(b"?")
        under_way = self.cycle is not None and not self.cycle.response_complete
        if under_way or path not in self.predict_paths or self.flow.write_paused or not self._is_plain():
            super().on_headers_complete()
            return
        scope = cast("dict[str, Any]", self.scope)
        version = self.parser.get_http_version()
        scope["method"] = "POST"
        scope["http_version"] = version
        scope["path"] = path.decode("ascii")
        scope["raw_path"] = path
        scope["query_string"] = query.partition(b"#")[0]
        keep_alive = version != "1.0" and self.parser.should_keep_alive()
        self.cycle = self._answering = cast("Any", Exchange(self, scope, keep_alive=keep_alive))

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        exchange: Any = self.cycle
        if type(exchange) is not Exchange:
            super().on_body(body)
        elif exchange.body:
            exchange.body += body
        else:
            exchange.body = body

    def on_message_complete(self) -> None:
        """See httptools."""
        exchange: Any = self.cycle
        if self._offered:
            return
        self._incomplete = False
        if type(exchange) is not Exchange:
            super().on_message_complete()
        elif not exchange.begun:
            exchange.begin(self.direct)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        if self._answering is not None:
            self._answering.disconnected = True
            self._answering.message_event.set()
        self._patience.close()
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        exchange: Any = self.cycle
        if type(exchange) is Exchange and not exchange.begun:
            exchange.begin(self.direct)

    def _silent(self) -> None:
        if self._incomplete and self._last_words is None and not self.transport.is_closing():
            self._refuse(SILENT)

    def _refuse(self, last_words: bytes) -> None:
        """End the connection with an answer to the request that is being read; those that came before it are answered first."""
        answering, newest = self._answering, cast("Any", self.cycle)
        if answering is not None and not answering.response_complete:
            received = newest.begun if type(newest) is Exchange else not newest.more_body
            if received or newest is not answering:
                if not received:
                    self.pipeline.popleft()
                self._last_words = last_words
                self.flow.pause_reading()
                return
            answering.disconnected = True  # its own body is what cannot be read
            answering.message_event.set()
            if getattr(answering, "response_started", False):
                self.transport.close()
                return
        elif self._incomplete and not self._in_head:  # answered before it was all there, as one that was not let in
            self.transport.close()
            return
        self._end(last_words)

    def _end(self, last_words: bytes) -> None:
        self.transport.write(last_words)
        self.transport.close()

    def write_answer(self, answer: bytes, *, keep_alive: bool) -> None:
        """Write the whole answer of an exchange."""
        self.transport.write(answer)
        if not keep_alive:
            self.transport.close()

    def give_up(self) -> None:
        """The process ends: who still waits gets 503."""
        cycle: Any = self._answering
        if cycle is None or cycle.response_complete or getattr(cycle, "response_started", False):
            self.transport.close()
            return
        cycle.disconnected = True  # nobody hears what the prediction gives after all
        self.write_answer(WORKER_ENDED, keep_alive=False)

    def begun(self, cycle: RequestResponseCycle) -> None:
        """An answer comes from uvicorn's cycle, in pieces."""
        self._answering = cycle

    def withdrawn(self) -> None:
        """A request that was begun is read once more from its first byte."""

    def on_response_complete(self) -> None:
        """See uvicorn's protocol."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        waiting = self.pipeline.pop() if self.pipeline else None
        self.flow.resume_reading()
        if waiting is not None:
            self._start_asgi_task(*waiting)
            return
        if self._last_words is not None:
            self._end(self._last_words)
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _unset_keepalive_if_required(self) -> None:
        """The timer goes on: to look when it ends costs less than to make one for each request."""

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection when it was idle for the whole time."""
        self.timeout_keep_alive_task = None
        if self.transport.is_closing() or (self.cycle is not None and not self.cycle.response_complete):
            return  # armed anew after the answer
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left <= 0:
            self.transport.close()
        else:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.begun(cycle)
        super()._start_asgi_task(cycle, app)

    def _declined(self, rest: bytes) -> bytes:
        """A request that offers another protocol, such as HTTP/2, as one that does not; `rest` is what followed its head.

        A server is free to ignore the offer (RFC 9110, section 7.8), which every POST of Java's HttpClient makes.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (method, self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                value = b",".join(option for option in value.split(b",") if option.strip().lower() != b"upgrade")
            if name != b"upgrade":
                lines.append(b"%b: %b" % (name, value))
        self.withdrawn()
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
        return b"\r\n".join([*lines, b"", rest])

    def _is_plain(self) -> bool:
        if self.parser.get_method() != b"POST" or self.parser.should_upgrade():
            return False
        measured = False
        for name, value in self.headers:
            if name == b"content-length":
                measured = len(value) <= LONGEST_LENGTH
            elif name == b"expect" or (name == b"content-type" and is_form(value.decode("latin-1").lower())):
                return False
        return measured
