"""What every test may ask for, and how a missing real part is dealt with."""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
import structlog
from hypothesis import settings

from tests.influx import Influx, Victoria

# The same examples every time, however busy the machine is: nothing here is a timing.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    """A command that says nothing in the log does so for itself, not for the tests after it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def part() -> Callable[[str], str]:
    """The path of a real program. Missing: a skip that names it, and a failure where CI=true."""

    def find(program: str) -> str:
        path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
        if path is None:
            if os.environ.get("CI") == "true":
                pytest.fail(f"{program} is not installed")
            pytest.skip(f"{program} is not installed (see tests/system/real-parts)")
        return path

    return find


@pytest.fixture(scope="session")
def _influxd(
    part: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Influx]:
    with Influx(tmp_path_factory.mktemp("influx") / "data", part("influxd")) as database:
        yield database


@pytest.fixture
def influx(_influxd: Influx) -> Influx:
    """An InfluxDB with empty databases. It may be killed and started again."""
    _influxd.renew()
    return _influxd


@pytest.fixture(scope="module")
def victoria(
    part: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Victoria]:
    """A VictoriaMetrics for the tests of a file."""
    with Victoria(
        tmp_path_factory.mktemp("victoria") / "data", part("victoria-metrics")
    ) as database:
        yield database
