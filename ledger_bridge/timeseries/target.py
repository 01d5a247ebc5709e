"""Which database time series go to, as the hub's configuration says."""

from typing import Literal, NamedTuple

Engine = Literal["influxdb2", "influxdb1", "influxdb3", "victoriametrics"]


class Target(NamedTuple):
    """`years` and `months` are buckets: databases where the engine has these.

    `token` is "" where the database asks for none; of InfluxDB 1 it is user:password.
    """

    engine: Engine
    url: str
    org: str
    years: str
    months: str
    token: str

    @property
    def name(self) -> str:
        """What tells it apart from others; another token is not another database."""
        return " ".join(self[:-1])
