"""How indicators write a weight into a line."""

from firmware_sim.scale import Display

# What one kilogram is in the units that somebody may have switched a scale to; 200 g a piece.
IN_A_KG = {"lb": 2.204_622_6, "oz": 35.273_962, "pcs": 5.0}


def written(mg: int, places: int, tens: int) -> str:
    """A weight in the unit of 10**tens mg with `places` digits behind the point, which must do.

    >>> written(-1_505_000, 3, 6)
    '-1.505'
    """
    step = 10 ** (tens - places)
    assert mg % step == 0, f"{mg} mg cannot be written in steps of {step} mg"
    digits = f"{abs(mg) // step:0{places + 1}}"
    if places:
        digits = f"{digits[:-places]}.{digits[-places:]}"
    return "-" * (mg < 0) + digits


def foreign(shown: Display) -> str:
    """The net weight in another unit than kilograms, to two places; pieces are whole."""
    amount = shown.net_mg / 1_000_000 * IN_A_KG[shown.unit]
    return f"{amount:.0f}" if shown.unit == "pcs" else f"{amount:.2f}"
