"""Where gateways that are not admitted yet bring their requests, and fetch the answers.

Only who knows the code of an open invitation leaves anything here, and only who knows it can read
the answer: the way needs no trust.
"""

import asyncio
import time
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from gateway.contract.enrolment import PATH, REQUEST_BYTES_MAX
from gateway.contract.errors import PeopleError, Problem
from ledger_bridge.hub import Hub
from ledger_bridge.invitations import Invitations, Refused

log = structlog.get_logger()

# For 1,200 bytes, over the worst of lines.
SENT_S_MAX = 20
# Each that is under way holds a file, of which a process has a thousand, and the books want some.
AT_ONCE_MAX = 64
# Whoever is not heard to the end may not go on sending either.
_CLOSE = {"Connection": "close"}


def is_for(hub: Hub, name: str | None, path: str) -> bool:
    """Whether a request for this path, under this name, is one of a gateway from elsewhere."""
    url = hub.settings.enrol
    return url is not None and path == PATH and name == urlsplit(url).hostname


def routes(hub: Hub) -> APIRouter:
    """Nothing, unless the settings say under which address gateways enrol."""
    router = APIRouter()
    if hub.settings.enrol is None:
        return router
    invitations = Invitations(hub)
    places, one_by_one = asyncio.Semaphore(AT_ONCE_MAX), asyncio.Lock()
    told: set[Problem] = set()

    def tell(problem: Problem) -> None:
        """Each once: a stranger may ask all day."""
        if problem not in told:
            told.add(problem)
            what, where, try_ = problem
            log.error("enrolment_not_taken", reason=what, where=where, try_=try_)

    @router.post(PATH, include_in_schema=False)
    async def ask(request: Request) -> Response:
        if places.locked():
            return Response(status_code=503, headers=_CLOSE)
        data = b""
        try:
            async with places, asyncio.timeout(SENT_S_MAX):
                async for chunk in request.stream():
                    data += chunk
                    if len(data) > REQUEST_BYTES_MAX:
                        return Response(status_code=413, headers=_CLOSE)
        except TimeoutError:
            return Response(status_code=408, headers=_CLOSE)
        try:
            async with one_by_one:
                now_ms = time.time_ns() // 1_000_000
                sealed = await asyncio.to_thread(invitations.keep, data, now_ms=now_ms)
        except Refused as error:
            return JSONResponse(error.problems[0]._asdict(), 403)
        except PeopleError as error:
            # What is wrong here is the steward's to mend, and no stranger's to know.
            tell(error.problems[0])
            return JSONResponse({"what": "the hub cannot take a request now"}, 503)
        return Response(sealed, 200 if sealed else 202, media_type="text/plain")

    return router
