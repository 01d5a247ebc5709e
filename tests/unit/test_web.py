"""The server of the pages: it ends with the gateway, whoever is still reading."""

import asyncio
import logging

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from gateway import web


async def for_ever(_: Request) -> Response:
    async def say():
        yield b"data: \n\n"
        await asyncio.Event().wait()

    return StreamingResponse(say(), media_type="text/event-stream")


async def broken(_: Request) -> Response:
    raise ValueError("a bug of ours")


async def asked(path: str) -> None:
    """Serve, and stop while somebody who asked for `path` still waits for more."""
    routes = [Route("/for-ever", for_ever), Route("/broken", broken)]
    listener = web.listen("127.0.0.1:0", key="page")
    serving = asyncio.create_task(web.serve(Starlette(routes=routes), listener))
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    serving.cancel()
    writer.close()


@pytest.mark.parametrize(("path", "traces"), [("/for-ever", 0), ("/broken", 1)])
def test_only_a_bug_leaves_a_trace_behind(
    path: str, traces: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    asyncio.run(asked(path))
    assert traces == len([one for one in caplog.records if one.exc_info])
