"""The page of a member: balance, what a month brought day by day, every line, and files to keep."""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from gateway.contract.clock import domain_clock
from gateway.contract.errors import PeopleError
from gateway.contract.record import to_json
from ledger_bridge.books.calendar import day_of
from ledger_bridge.books.telling import export_csv, statement_tables
from ledger_bridge.books.telling.acts import Books
from ledger_bridge.books.telling.balances import balances
from ledger_bridge.books.telling.days import Days, asked, month_of, next_month
from ledger_bridge.books.telling.export_tables import Language
from ledger_bridge.books.telling.recycling import Json
from ledger_bridge.books.telling.statement import statement, statement_booked
from ledger_bridge.books.telling.what import called, much
from ledger_bridge.page.bars import Chart, draw
from ledger_bridge.page.words import chosen, number, word

Lang = Annotated[Literal["nl", "en"] | None, Query()]
Form = Literal["json", "csv", "xlsx"]
_TYPES: dict[Form, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

_TEMPLATES = Jinja2Templates(Path(__file__).with_name("templates"))
_TEMPLATES.env.globals["word"] = word
_TEMPLATES.env.globals["number"] = number
_TEMPLATES.env.globals["called"] = called
_TEMPLATES.env.globals["much"] = much


class Statement(NamedTuple):
    """A period of a member, as measured and as booked."""

    event: Json
    booked: Json


def routes(community: str, books: Callable[[], Books]) -> APIRouter:
    """The pages and files of members; `books()` is what can be read now."""
    router = APIRouter()

    @router.get("/member/{member}", response_class=HTMLResponse)
    async def page(request: Request, member: str, month: str = "", lang: Lang = None) -> Response:
        language = chosen(lang, request.headers.get("accept-language", ""))
        now = books()
        _must_know(now, member)
        today = day_of(domain_clock().utc_ms(), now.policies.zone)
        try:
            days = month_of(asked(month).first if month else today)
        except PeopleError as error:
            raise HTTPException(404, str(error)) from error
        shown = _shown(now, community, member, days, language)
        return _TEMPLATES.TemplateResponse(request, "member.html", shown)

    @router.get("/member/{member}/statement.{form}")
    async def file(member: str, form: Form, period: str, lang: Lang = None) -> Response:
        """A member's statement of a period, to keep: JSON, a Dutch CSV file, or a workbook."""
        now = books()
        _must_know(now, member)
        data = _file(_statement(now, community, member, period), form, lang or "en")
        name = f"{member}-{period.replace('..', '-to-')}.{form}"
        return _download(data, name, _TYPES[form])

    return router


def _must_know(now: Books, member: str) -> None:
    if member not in now.registry.accounts:
        raise HTTPException(404, f"no member {member!r}")


def _download(data: bytes, name: str, type_: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=type_, headers=headers)


def _statement(now: Books, community: str, member: str, period: str) -> Statement:
    known: Any = {"registry": now.registry, "policies": now.policies}
    try:
        return Statement(
            statement(now.db, community, member, period, **known),
            statement_booked(now.db, community, member, period, **known),
        )
    except PeopleError as error:
        raise HTTPException(404, str(error)) from error


def _file(found: Statement, form: Form, language: Language) -> bytes:
    tables = (
        statement_tables.earned(found.event, language),
        statement_tables.booked(found.booked, language),
    )
    match form:
        case "json":
            return to_json({"event": found.event, "booked": found.booked})
        case "csv":
            return export_csv.write(tables[1])
        case "xlsx":
            # A library that nothing else takes, and that takes its time.
            from ledger_bridge.books.telling import export_xlsx  # noqa: PLC0415

            return export_xlsx.write(tables)


def _shown(now: Books, community: str, member: str, days: Days, language: Language) -> Json:
    """Everything that the page says."""
    found = _statement(now, community, member, days.text)
    known: Any = {"registry": now.registry, "policies": now.policies}
    (holds,) = (one for one in balances(now.db, community, **known) if one["holder"] == member)
    return {
        "community": community,
        "member": member,
        "name": holds["name"] or member,
        "balances": holds["balances"],
        "shadows": now.policies.shadows,
        "language": language,
        "other": "en" if language == "nl" else "nl",
        "month": days.text,
        "earlier": next_month(days.text, -1),
        "later": next_month(days.text),
        "event": found.event,
        "booked": found.booked,
        "totals": [
            one for one in found.event["totals"] if one["measured"] or Decimal(one["credit"])
        ],
        "names": {
            name: kind.nl if language == "nl" else kind.en
            for in_force in now.policies.in_order
            for name, kind in in_force.policy.fractions.items()
        },
        "charts": _charts(found.event, days),
        "said": "zin" if language == "nl" else "sentence",
    }


def _charts(event: Json, days: Days) -> list[Chart]:
    """A chart for each asset that something was earned in, claims of a day only."""
    amounts: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for line in event["lines"]:
        if line["period"] == line["days"]:
            of_asset = amounts[line["asset"]]
            before = of_asset.get(line["period"], Decimal(0))
            of_asset[line["period"]] = before + Decimal(line["credit"])
    each = list(days.each())
    return [draw(asset, each, found) for asset, found in amounts.items() if any(found.values())]
