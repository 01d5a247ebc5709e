"""The picture of a deposit session at a moment, as far as the session itself knows it."""

from dataclasses import replace

from gateway.kiosk import view
from gateway.kiosk.events import Terms
from gateway.kiosk.sentences import SENTENCES, UNREADABLE
from gateway.kiosk.standing import (
    IDLE_MS,
    KEPT,
    OPEN,
    TURNED_AWAY,
    UNDONE,
    Past,
    Session,
    has_seen,
    is_counted,
    is_seen,
    is_under_way,
    missing,
    objection,
    shown_mg,
    undo_ms,
    undoable,
)
from gateway.kiosk.view import CLEAR, CLOSED, PUT, REFUSED, SLIP, WHAT, WHOSE, Slip, View


def view_of(session: Session, *, terms: Terms, now_ms: int) -> View:
    """All of the view but what only the point knows: what a deposit earns, its code, the link."""
    session = replace(session, plate=session.plate.at(now_ms))
    screen, word = _screen(session, terms, now_ms)
    word = word if word in SENTENCES else UNREADABLE
    nl, en = SENTENCES[word]
    draft, row = session.draft, session.plate.row
    is_open = screen in {PUT, WHAT, WHOSE}
    takes_back = _undoable_now(session, now_ms)
    past = session.slip or takes_back
    left_ms = session.since_ms + IDLE_MS - now_ms
    return View(
        screen=screen,
        word=word,
        nl=nl,
        en=en,
        net_mg=shown_mg(session, terms),
        steady_pct=row.steady_pct() if row and session.plate.is_loaded(terms) else 0,
        fraction=draft.fraction,
        pieces=draft.pieces,
        crate=draft.crate,
        who=_whose(session.slip) if session.slip else draft.who(),
        club=draft.club,
        can_confirm=is_open and _can_confirm(session, terms, now_ms),
        can_undo=takes_back is not None and has_seen(session, now_ms),
        left_s=max(0, -(-left_ms // 1000)) if is_open and is_under_way(session) else None,
        operator=session.operator_ms is not None,
        slip=_slip(session, past, now_ms) if past else None,
    )


def _screen(session: Session, terms: Terms, now_ms: int) -> tuple[str, str]:
    """The screen and its word."""
    closed = terms.broken or session.plate.closed(now_ms) or terms.closed()
    if session.phase == TURNED_AWAY:
        return REFUSED, session.word
    if session.phase != OPEN:
        is_off = session.load or session.plate.is_empty(terms) or session.phase != KEPT
        return SLIP, session.word or (session.phase if is_off else "take_off")
    if closed:
        return CLOSED, closed
    if session.load is None:
        is_only_tared = session.plate.is_empty(terms) and session.plate.is_tared()
        return CLEAR, session.word or ("tared" if is_only_tared else "clear")
    screen, word = _asked(session, terms, now_ms)
    return screen, session.word or word


def _asked(session: Session, terms: Terms, now_ms: int) -> tuple[str, str]:
    screen = missing(session, terms)
    if session.handed_out:
        return screen or PUT, "keeping"
    if screen == PUT and (session.plate.is_loaded(terms) or session.plate.is_swinging()):
        return screen, "settling"
    if screen == PUT and _undoable_now(session, now_ms):
        return screen, "can_undo"
    if screen == WHAT and session.draft.fraction:
        return screen, "how_many"
    if screen:
        return screen, screen
    screen = WHAT if is_counted(session, terms) else PUT
    return screen, objection(session, terms, now_ms) or "confirm"


def _can_confirm(session: Session, terms: Terms, now_ms: int) -> bool:
    return (
        session.handed_out is None
        and not missing(session, terms)
        and not objection(session, terms, now_ms)
        and is_seen(session, terms, now_ms)
    )


def _undoable_now(session: Session, now_ms: int) -> Past | None:
    past = undoable(session)
    return past if past and undo_ms(past, now_ms) else None


def _whose(past: Past) -> str:
    return "club" if past.club else "card" if past.card else "code"


def _slip(session: Session, past: Past, now_ms: int) -> Slip:
    is_undone = session.phase == UNDONE
    return Slip(
        deposit=past.deposit,
        fraction=past.fraction,
        net_mg=past.net_mg,
        pieces=past.pieces,
        code="",
        state=view.WITHDRAWN if is_undone else view.KEPT,
        amount="",
        asset="",
        nl="",
        en="",
        undo_s=0 if is_undone else -(-undo_ms(past, now_ms) // 1000),
    )
