"""What must not be told any more: of members who were erased, and of gateways that were theirs."""

from ledger_bridge.reader import Reader
from ledger_bridge.timeseries.schema import MEASUREMENTS, OFFICIAL, Forget, Written


def account(reader: Reader, account: str) -> Written:
    """Take away all that is told of an account, a sheet of kind "account"."""
    return _all_with(reader, "account", account)


def gateway(reader: Reader, gateway: str) -> Written:
    """Take away all that is told of a gateway, a sheet of kind "erased"; of official figures where
    it has no name. What of it is still stored is to be written anew.
    """
    return _all_with(reader, "gateway", gateway or OFFICIAL)


def _all_with(reader: Reader, tag: str, value: str) -> Written:
    tags = {"community": reader.community, tag: value}
    return Written(tuple(Forget(one, tags) for one in MEASUREMENTS if tag in one.tags))
