"""Proofs of bookings, to take along from the page."""

from collections.abc import Callable

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import PlainTextResponse

from gateway.contract.errors import PeopleError


def routes(proof: Callable[[int], str]) -> APIRouter:
    """`proof` gives the file that proves a booking; it raises PeopleError."""
    router = APIRouter()

    @router.get("/proof/{booking}", response_class=PlainTextResponse)
    async def along(booking: int) -> Response:
        """A file that proves a booking; it says on top what it shows."""
        try:
            text = proof(booking)
        except PeopleError as error:
            raise HTTPException(404, str(error)) from error
        name = f'attachment; filename="booking-{booking}.proof"'
        return PlainTextResponse(text, headers={"content-disposition": name})

    return router
