"""The deposit session: a fraction, a weight that settled, and whose it is, make one deposit.

Pure; the clock is passed in. One load, from one empty plate to the next, is at most one deposit.
Mass is fact: unstable, over, under, unreadable and stale weights are never accepted, and what is
kept is the weight that stood on the screen when somebody confirmed it.
"""

from dataclasses import replace

from gateway.kiosk.drafting import TURNS_AWAY, Said, draft_after
from gateway.kiosk.events import (
    REASONS,
    Cancel,
    Card,
    Choose,
    Confirm,
    Deposit,
    Event,
    ForClub,
    Kept,
    NoCard,
    NotAccepted,
    NotKept,
    Operator,
    Outcome,
    OutOfRange,
    Pieces,
    Refused,
    ScaleGone,
    Terms,
    Tick,
    Undo,
    Undone,
    Unreadable,
    UseCrate,
    Weight,
)
from gateway.kiosk.settling import Plate, deposit_mg_min
from gateway.kiosk.standing import (
    IDLE_MS,
    KEPT,
    NOTHING_SAID,
    OPEN,
    OPERATOR_MS,
    TURNED_AWAY,
    UNDONE,
    Draft,
    Past,
    Session,
    crate_mg,
    has_seen,
    is_counted,
    is_seen,
    is_under_way,
    missing,
    objection,
    pruned,
    undo_ms,
    undoable,
)
from gateway.kiosk.view import PUT, WHAT, WHOSE

# How long a slip stays once the scale is empty: a glance, or a code that is written down.
SLIP_MS = 20_000
CODE_MS = 60_000
# How long a refusal and a short word stay.
REFUSED_MS = 10_000
WORD_MS = 5_000

# What nobody came for, by the screen that was waiting.
_NEVER_CAME = {PUT: "no_weight", WHAT: "no_fraction", WHOSE: "nobody", "": "not_confirmed"}

After = tuple[Session, Outcome | None]


def advance(session: Session, event: Event, *, terms: Terms, now_ms: int) -> After:
    """The session after `event` at real monotonic `now_ms`, and what the journal is to keep.

    While a deposit, or one taken back, is handed out only its `Kept` or `NotKept` goes on with the
    session: nothing is accepted before the commit.
    """
    session = _heard(session, event, terms, now_ms)
    if session.handed_out:
        if isinstance(event, Kept):
            session = _kept(session, event.deposit, terms, now_ms)
        elif isinstance(event, NotKept):
            session = _not_kept(session, terms, now_ms)
        return session, None
    session, outcome = _waited(session, terms, now_ms)
    # Whoever acts at the very moment of a refusal has not seen it.
    return (session, outcome) if outcome else _answered(session, event, terms, now_ms)


def _answered(session: Session, event: Event, terms: Terms, now_ms: int) -> After:
    match event:
        case Weight():
            return _weighed(session, terms, now_ms)
        case NotAccepted(reason):
            return _not_accepted(session, reason, terms, now_ms)
        case Undo():
            return _undo(session, now_ms)
        case Cancel():
            session = _cancel(session, now_ms)
        case Card() | Choose() | Pieces() | UseCrate() | NoCard() | ForClub() | Confirm():
            return _said(session, event, terms, now_ms)
        case OutOfRange() | Unreadable() | ScaleGone() | Operator() | Tick() | Kept() | NotKept():
            pass
    return session, None


def _heard(session: Session, event: Event, terms: Terms, now_ms: int) -> Session:
    """What is true whatever is under way: what the scale says, and whether an operator is here."""
    is_gone = session.operator_ms is None or now_ms - session.operator_ms >= OPERATOR_MS
    operator_ms = None if is_gone else session.operator_ms
    plate = session.plate.at(now_ms)
    match event:
        case Weight() | OutOfRange() | Unreadable() | ScaleGone():
            plate = plate.hears(event, terms=terms, now_ms=now_ms)
            session = _loaded(session, plate, terms, now_ms)
        case Operator(is_here):
            operator_ms = now_ms if is_here else None
        case NotAccepted() if not is_gone:
            # What anybody can do keeps no operator here: whoever left would never have left.
            operator_ms = now_ms
        case _:
            pass
    return replace(session, plate=plate, operator_ms=operator_ms)


def _loaded(session: Session, plate: Plate, terms: Terms, now_ms: int) -> Session:
    if session.load is None:
        load = plate.zero(terms)
        if load is None:
            return session
        word = session.word if session.phase == TURNED_AWAY else ""
        return replace(session, load=load, since_ms=now_ms, word=word)
    load = session.load.after(plate, terms=terms)
    is_put_down = session.load.gross_mg is None and load.gross_mg is not None
    begins = is_put_down and session.phase == OPEN
    return replace(session, load=load, since_ms=now_ms if begins else session.since_ms)


def _waited(session: Session, terms: Terms, now_ms: int) -> After:
    """What time alone brings about, and rules that have changed meanwhile."""
    session = replace(session, recent=pruned(session.recent, now_ms))
    closed = session.plate.closed(now_ms)
    # What is over the range is there, though nobody can say how heavy it is.
    is_try = closed == "over" or (session.phase == OPEN and is_under_way(session))
    if closed and session.load and is_try:
        return _refuse(session, closed, terms, now_ms)
    if closed:
        session = replace(session, load=None)
    if session.phase == OPEN:
        return _waited_for(session, terms, now_ms)
    is_turned_away = session.phase == TURNED_AWAY
    shown_ms = REFUSED_MS if is_turned_away else _slip_ms(session)
    # Nobody weighs twice: what was kept is shown until it has been taken off.
    is_over = is_turned_away or session.load or session.plate.is_empty(terms)
    if is_over and now_ms - session.since_ms >= shown_ms:
        return _opened(session, now_ms), None
    return session if is_turned_away else _unsaid(session, now_ms), None


def _waited_for(session: Session, terms: Terms, now_ms: int) -> After:
    draft = session.draft
    is_offered = not draft.fraction or draft.fraction in terms.fractions
    if not is_offered or (draft.club and draft.club not in terms.clubs):
        return _refuse(session, "not_offered", terms, now_ms)
    if is_under_way(session) and now_ms - session.since_ms >= IDLE_MS:
        return _nobody_came(session, terms, now_ms)
    return _unsaid(session, now_ms), None


def _unsaid(session: Session, now_ms: int) -> Session:
    """What was said for a moment has been read."""
    return replace(session, word="") if now_ms - session.since_ms >= WORD_MS else session


def _slip_ms(session: Session) -> int:
    slip = session.slip
    return SLIP_MS if slip is None or slip.card or slip.club else CODE_MS


def _nobody_came(session: Session, terms: Terms, now_ms: int) -> After:
    if not _is_real_try(session, terms):
        return replace(_opened(session, now_ms), load=session.plate.zero(terms)), None
    screen = missing(session, terms)
    word = _NEVER_CAME[screen]
    if terms.closed():
        word = terms.closed()
    elif not screen:
        word = objection(session, terms, now_ms) or word
    return _refuse(session, word, terms, now_ms)


def _is_real_try(session: Session, terms: Terms) -> bool:
    """Somebody came with a card, or with something: no puddle, and no child at the screen."""
    gross_mg = session.load.gross_mg if session.load else None
    if gross_mg is None:
        return bool(session.draft.card)
    return session.draft != NOTHING_SAID or gross_mg >= deposit_mg_min(terms)


def _opened(session: Session, now_ms: int) -> Session:
    """Ready for whoever is next, as soon as the scale is empty."""
    return replace(session, phase=OPEN, word="", draft=NOTHING_SAID, since_ms=now_ms, slip=None)


def _refuse(session: Session, word: str, terms: Terms, now_ms: int) -> After:
    """Turn it away: the load counts for nothing any more, and what was said is forgotten."""
    is_real = _is_real_try(session, terms) or word == "over"
    gross_mg = session.load.gross_mg if session.load else None
    refused = Refused(word, session.draft.fraction, gross_mg) if is_real else None
    session = replace(
        _opened(session, now_ms),
        phase=TURNED_AWAY,
        word=word,
        load=session.plate.zero(terms),
        act_ms=now_ms,
    )
    return session, refused


def _weighed(session: Session, terms: Terms, now_ms: int) -> After:
    plate, load = session.plate, session.load
    if load and plate.is_tared():
        # What is kept would be less than what lies there.
        if session.phase == OPEN and is_under_way(session):
            return _refuse(session, "tare_changed", terms, now_ms)
        return replace(session, load=None), None
    if load is None or plate.weight is None or not plate.is_loaded(terms):
        return session, None
    if session.phase != OPEN:
        if plate.weight.gross_mg < deposit_mg_min(terms):
            # A hand on the plate does not take the slip away from who is reading it.
            return session, None
        session = _opened(session, now_ms)
    row = plate.settled(terms)
    if row and row.settled_ms == now_ms:
        session = replace(session, since_ms=now_ms)
    word = "creeps" if load.creeps(terms) else ""
    if not word and not missing(session, terms):
        # The other objections are shown, and can be mended.
        word = objection(session, terms, now_ms)
        word = word if word == "same_bag" else ""
    return _refuse(session, word, terms, now_ms) if word else (session, None)


def _said(session: Session, said: Said, terms: Terms, now_ms: int) -> After:
    is_closed = terms.closed() or session.plate.closed(now_ms)
    if session.load is None:
        if isinstance(said, Card) and not is_closed:
            session = _off_first(session, said, now_ms)
        return session, None
    if session.phase != OPEN:
        if not has_seen(session, now_ms) or isinstance(said, Confirm):
            return session, None
        session = _opened(session, now_ms)
    if is_closed:
        return session, None
    draft, word = draft_after(session, said, terms)
    if word in TURNS_AWAY:
        return _refuse(replace(session, draft=draft), word, terms, now_ms)
    is_confirming = not word and _is_confirming(session, said, draft, terms, now_ms)
    act_ms = now_ms if draft != session.draft else session.act_ms
    session = replace(session, draft=draft, word=word, since_ms=now_ms, act_ms=act_ms)
    return _confirm(session, terms, now_ms) if is_confirming else (session, None)


def _is_confirming(session: Session, said: Said, draft: Draft, terms: Terms, now_ms: int) -> bool:
    """Whether this completes what people have seen, or says again what was complete.

    A change is looked at first. A number is counted up to, and a crate is an afterthought: where
    there are crates, whoever names the fraction last may still say that it is in one.
    """
    is_new = draft != session.draft
    if isinstance(said, Pieces | UseCrate) or (is_new and not missing(session, terms)):
        return False
    if isinstance(said, Choose) and is_new and terms.crates and not draft.crate:
        return False
    is_complete = not missing(replace(session, draft=draft), terms)
    return is_complete and is_seen(session, terms, now_ms)


def _off_first(session: Session, said: Card, now_ms: int) -> Session:
    """The next card comes too soon; the one of the slip, and what was turned away, know why."""
    is_known = session.phase == TURNED_AWAY or (session.slip and session.slip.card == said.token)
    return session if is_known else replace(session, word="off_first", since_ms=now_ms)


def _confirm(session: Session, terms: Terms, now_ms: int) -> After:
    word = objection(session, terms, now_ms)
    if word:
        return _refuse(session, word, terms, now_ms)
    draft = session.draft
    row = None if is_counted(session, terms) else session.plate.settled(terms)
    assert session.load
    assert draft.who()
    assert (row is not None) != (draft.pieces > 0)
    deposit = Deposit(
        draft.fraction,
        draft.card,
        draft.club,
        net_mg=row.first.net_mg - crate_mg(session, terms) if row else None,
        pieces=draft.pieces or None,
        weight=row.first if row else None,
        times=row.times if row else 0,
        crate=draft.crate,
        crate_mg=crate_mg(session, terms),
        by_operator=session.operator_ms is not None,
    )
    return replace(session, handed_out=deposit), deposit


def _kept(session: Session, id_: str, terms: Terms, now_ms: int) -> Session:
    out = session.handed_out
    session = replace(session, handed_out=None)
    if isinstance(out, Undone):
        past = next((past for past in session.recent if past.deposit == out.deposit), None)
        recent = tuple(past for past in session.recent if past.deposit != out.deposit)
        load = session.load
        phase = UNDONE
    else:
        assert out
        past = Past(
            id_,
            out.fraction,
            out.card,
            out.club,
            out.net_mg,
            out.pieces,
            now_ms,
            out.crate_mg,
        )
        recent = pruned((*session.recent, past), now_ms)
        load = session.plate.zero(terms)
        phase = KEPT
    return replace(
        _opened(session, now_ms),
        phase=phase,
        load=load,
        act_ms=now_ms,
        slip=past,
        recent=recent,
    )


def _not_kept(session: Session, terms: Terms, now_ms: int) -> Session:
    """It is as before: the load is turned away, and what was to be taken back stands."""
    is_undo = isinstance(session.handed_out, Undone)
    session = replace(session, handed_out=None)
    if is_undo:
        return replace(session, word="not_undone", since_ms=now_ms)
    return _refuse(session, "not_kept", terms, now_ms)[0]


def _undo(session: Session, now_ms: int) -> After:
    past = undoable(session)
    if past is None or not has_seen(session, now_ms):
        return session, None
    if not undo_ms(past, now_ms):
        return replace(session, word="undo_late", since_ms=now_ms), None
    undone = Undone(past.deposit)
    return replace(session, handed_out=undone), undone


def _cancel(session: Session, now_ms: int) -> Session:
    """What was said is forgotten; what lies on the scale remains the same load."""
    if session.phase != OPEN and not has_seen(session, now_ms):
        return session
    return replace(_opened(session, now_ms), act_ms=now_ms)


def _not_accepted(session: Session, reason: str, terms: Terms, now_ms: int) -> After:
    is_operator = session.operator_ms is not None and reason in REASONS
    if not is_operator or session.phase != OPEN or not is_under_way(session):
        return session, None
    return _refuse(session, reason, terms, now_ms)
