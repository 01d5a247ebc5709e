"""What a depositor says of a deposit, one act at a time, and what is known of it after each."""

from gateway.kiosk.events import Card, Choose, Confirm, ForClub, NoCard, Pieces, Terms, UseCrate
from gateway.kiosk.standing import Draft, Session, is_counted

Said = Card | Choose | Pieces | UseCrate | NoCard | ForClub | Confirm

# More pieces than anybody carries are a slip of the finger.
PIECES_MAX = 99

# Words that end the try; with the others it goes on as it was.
TURNS_AWAY = frozenset({"two_cards", "operator_needed"})


def draft_after(session: Session, said: Said, terms: Terms) -> tuple[Draft, str]:
    """The draft after an act, and the word for why it does not go, "" where it does.

    Of who it is for the last word counts, but a second card is somebody else's.
    """
    draft = session.draft
    match said:
        case Choose(fraction):
            return _chosen(session, fraction, terms)
        case Pieces(number):
            return _counted(session, number, terms)
        case UseCrate(crate):
            return _crated(session, crate, terms)
        case Confirm():
            return draft, ""
        case Card() | NoCard() | ForClub():
            return _named(draft, said, terms)


def _chosen(session: Session, id_: str, terms: Terms) -> tuple[Draft, str]:
    draft, fraction = session.draft, terms.fractions.get(id_)
    if fraction is None:
        return draft, "not_offered"
    if fraction.by_operator and session.operator_ms is None:
        return draft._replace(fraction=id_), "operator_needed"
    if id_ == draft.fraction:
        return draft, ""
    crate = draft.crate if fraction.unit == "kg" else ""
    return draft._replace(fraction=id_, pieces=0, crate=crate), ""


def _counted(session: Session, number: int, terms: Terms) -> tuple[Draft, str]:
    if not is_counted(session, terms):
        return session.draft, ""
    if not 1 <= number <= PIECES_MAX:
        return session.draft, "how_many"
    return session.draft._replace(pieces=number), ""


def _crated(session: Session, crate: str, terms: Terms) -> tuple[Draft, str]:
    if crate and crate not in terms.crates:
        return session.draft, "not_offered"
    if crate and is_counted(session, terms):
        return session.draft, "crate_counted"
    return session.draft._replace(crate=crate), ""


def _named(draft: Draft, said: Card | NoCard | ForClub, terms: Terms) -> tuple[Draft, str]:
    match said:
        case Card(token):
            if draft.card not in {"", token}:
                return draft, "two_cards"
            return draft._replace(card=token, club="", has_no_card=False), ""
        case NoCard():
            if draft.card:
                return draft, "has_card"
            return draft._replace(club="", has_no_card=True), ""
        case ForClub(club):
            if club not in terms.clubs:
                return draft, "not_offered"
            return draft._replace(club=club, has_no_card=False), ""
