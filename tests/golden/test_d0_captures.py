"""What real meters pushed in mode D, read as their telegrams say.

The captures lie beside the project, not in it. Expected values were read off the telegrams' text.
"""

from pathlib import Path

import pytest

from drivers import sdk
from drivers.reading import Message

CAPTURES = Path(__file__).parents[3] / "shared" / "captures" / "p1"

pytestmark = pytest.mark.skipif(
    not CAPTURES.is_dir(), reason=f"the captures of real meters are not there: {CAPTURES}"
)


@pytest.mark.parametrize(
    ("name", "import_mwh", "power_mw", "serial"),
    [
        ("esy5q3da1004_v304", 32_549_506_166, 1_688_210, "1ESY1336001560"),
        ("esy5q3db1024_v304", 52_185_782_530, 2_124_860, "1ESY1313002565"),
    ],
)
def test_a_push_of_a_q3d_meter(name, import_mwh, power_mw, serial):
    session = sdk.load("d0").open({"mode": "d"})
    steps = session.feed((CAPTURES / f"{name}.telegram").read_bytes())
    (message,) = [step for step in steps if isinstance(step, Message)]
    assert message.faults == ()
    read = {reading.register: reading.value for reading in message.readings}
    assert (read["1-0:1.8.0"], read["1-0:1.7.0"]) == (import_mwh, power_mw)
    assert {reading.serial for reading in message.readings} == {serial}
