"""What people attest: hours that somebody gave, and that somebody took part."""

import msgspec


class Attestation(msgspec.Struct, frozen=True, tag="attested", tag_field="kind"):
    """A member gave so many minutes to an activity on a local day; `by` is who vouches for it."""

    member: str
    day: str
    activity: str
    minutes: int
    by: str
