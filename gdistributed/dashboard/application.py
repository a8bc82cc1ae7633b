"""What the dashboard's web server answers: pages, calls in JSON, the live stream, metrics."""

from __future__ import annotations

from typing import Final

import grpc
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from gdistributed.dashboard.gateway import CallFailed, Gateway
from gdistributed.dashboard.protection import STATIC, Protected
from gdistributed.dashboard.stream import Live
from gdistributed.errors import GDistributedError
from gdistributed.wire.status import code_of

REQUEST_NBYTES_MAX: Final = 1 << 16
JSON: Final = "application/json"

Code = grpc.StatusCode
HTTP_STATUS: Final = {
    Code.INVALID_ARGUMENT: 400,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.FAILED_PRECONDITION: 409,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.DEADLINE_EXCEEDED: 504,
}


class Application:
    """A dashboard's web application.

    Parameters
    ----------
    scheduler
        Address of the scheduler that is asked.
    host
        At which the web server listens.

    Attributes
    ----------
    routes
        The application as ASGI knows it.
    live
        Those who look, and the poller.
    """

    def __init__(self, scheduler: str, host: str) -> None:
        self._gateway = Gateway(scheduler)
        self.live = Live(self._gateway)
        self.routes = Starlette(
            routes=[
                Route("/health", self.health),
                Route("/metrics", self.metrics),
                Route("/api/stream", self.stream),
                Route("/api/{service}/{method}", self.call, methods=["POST"]),
                Mount("/", StaticFiles(directory=STATIC, html=True)),
            ],
            middleware=[Middleware(Protected, host=host)],
        )

    async def health(self, _: Request) -> Response:
        """Say whether the scheduler answers."""
        try:
            await run_in_threadpool(self._gateway.answer, "Scheduler/GetSummary", b"")
        except CallFailed as error:
            where = self._gateway.scheduler
            message = f"the scheduler at {where} does not answer: {error}"
            return JSONResponse({"status": "trouble", "message": message}, status_code=503)
        return JSONResponse({"status": "ok"})

    async def metrics(self, request: Request) -> Response:
        """Tell a Prometheus how the cluster is."""
        from gdistributed.dashboard.scraping import metrics_of  # few have a Prometheus

        accept = request.headers.get("accept", "")
        try:
            content_type, text = await run_in_threadpool(metrics_of, self._gateway.channel, accept)
        except CallFailed as error:
            where = self._gateway.scheduler
            message = f"the scheduler at {where} does not answer: {error}\n"
            return Response(message, status_code=503, media_type="text/plain")
        return Response(text, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    async def stream(self, _: Request) -> Response:
        """Tell what happens, from now on."""
        return LiveResponse(self.live)

    async def call(self, request: Request) -> Response:
        """Make a call for a page."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            return failure(415, Code.INVALID_ARGUMENT, "", f"calls are made with {JSON}")
        body = await body_of(request)
        if body is None:
            return failure(413, Code.INVALID_ARGUMENT, "", "the request is too large")
        method = "{service}/{method}".format(**request.path_params)
        worker = request.query_params.get("worker", "")
        try:
            text = await run_in_threadpool(self._gateway.answer, method, body, worker)
        except CallFailed as error:
            return failure(HTTP_STATUS.get(error.code, 500), error.code, error.reason, str(error))
        except GDistributedError as error:
            code = code_of(error)
            return failure(HTTP_STATUS.get(code, 500), code, error.reason, str(error))
        return Response(text, media_type=JSON, headers={"Cache-Control": "no-store"})

    def close(self) -> None:
        """Let go of the scheduler."""
        self._gateway.close()


class LiveResponse(StreamingResponse):
    """Server-sent events, until the page is closed or the dashboard is."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._viewer = live.enter()
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(self._viewer.messages(), media_type="text/event-stream", headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what there is, as long as somebody reads."""
        try:
            await super().__call__(scope, receive, send)
        except ClientDisconnect:
            pass  # as all of them do at last
        finally:
            self._live.leave(self._viewer)


async def body_of(request: Request) -> bytes | None:
    """Return the body of a request; None for one that is larger than any call needs."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > REQUEST_NBYTES_MAX:
            return None
    return body


def failure(status: int, code: grpc.StatusCode, reason: str, message: str) -> Response:
    """Return the answer to a call that failed."""
    return JSONResponse(
        {"code": code.name, "reason": reason, "message": message}, status_code=status
    )
