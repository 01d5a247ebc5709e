"""How this gateway fares, for the health topic: no live values."""

from gateway.house import House, journal, states


def health(house: House) -> dict[str, object]:
    """How we fare; no live values."""
    publisher, point = house.publisher, house.intake.point
    return {
        "clock": house.clock.quality(),
        "journal": journal(house),
        "devices": states(house, lambda _: {}),
        "receipts_forged": publisher.forgeries.count if publisher else 0,
        "receipts_refused": publisher.receipts.refused if publisher else 0,
        **({"kiosk": point.health() | _panel(house)} if point else {}),
    }


def _panel(house: House) -> dict[str, object]:
    if house.panel:
        return house.panel.health()
    return {"panel": "lost"} if house.config.kiosk and house.config.kiosk.panel else {}
