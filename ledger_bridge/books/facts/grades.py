"""How far somebody vouches for what was measured. A gateway's owner could feed it a simulator."""

SELF_REPORTED = "self-reported"
CHECKED = "checked"  # agrees with a sight-read or official reading of that date
OFFICIAL = "official"  # figures of a metering company or grid operator, signed by a steward

GRADES = (SELF_REPORTED, CHECKED, OFFICIAL)  # from the least to the most
