"""A telegram read by the shape of one before it says what it says when it is the first."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers import dlms
from drivers.wire import push, push_shapes
from firmware_sim import cosem
from firmware_sim.cosem import array, code, octets, structure, text, unsigned
from firmware_sim.devices.dlms import MAKERS, SIMULATOR
from tests.pushes import SENT, framed, notified, scaler_unit

NOON_MS = 1_782_036_000_000  # 2026-06-21 10:00 UTC
STEPS = {"": 1, "Kamstrup in steps of 10 Wh": 10}


def _apdu(variant: str, at_ms: int) -> bytes:
    return MAKERS[variant].tell(SIMULATOR.source(7)(at_ms), at_ms)[0]


def _reader(step: int = 1) -> push.Reader:
    return push.Reader(None, step, {})


def _read(apdu: bytes, reader: push.Reader) -> push.Push:
    return push.read(apdu, reader, "", 100, len(apdu))


# Lists that no simulated meter has: a number that names the meter, fractions, wide and signed
# numbers, a real, two clocks, a number alone.
OTHERS = {
    "numbered": structure(
        text("Kamstrup_V0001"),
        *(code("1-1:0.0.1"), unsigned(12_343_400, 4)),
        *(code("1-1:1.8.0"), unsigned(77, 4)),
        *(code("1-1:13.7.0"), unsigned(83, 2)),
        *(code("0-0:96.7.21"), unsigned(3, 2)),
        *(code("1-1:14.7.0"), unsigned(501, 2)),
    ),
    "scaled": array(
        structure(code("0-0:96.1.0"), octets(b"MKT1")),
        structure(code("0-0:1.0.0"), octets(SENT)),
        structure(code("1-0:31.7.0"), bytes.fromhex("10009c"), scaler_unit(-4, 33)),
        structure(code("1-0:1.8.0"), bytes.fromhex("1500000000075bcd15"), scaler_unit(2, 30)),
        structure(code("1-0:13.7.0"), unsigned(998, 2), scaler_unit(-3, 255)),
        structure(code("0-0:96.13.1"), unsigned(7, 1), scaler_unit(0, 255)),
    ),
    "real": array(
        structure(code("1-0:32.7.0"), bytes.fromhex("1743660ccd"), scaler_unit(0, 35)),
        structure(code("1-0:31.7.0"), unsigned(156, 2), scaler_unit(-4, 33)),
    ),
    "two clocks": structure(
        *(code("0-0:1.0.0"), octets(SENT)),
        *(code("0-1:1.0.0"), octets(bytes.fromhex("07ea0615070c3b3b05800080"))),
        *(code("1-0:1.7.0"), unsigned(5, 4)),
        *(code("1-0:32.7.0"), unsigned(999, 2)),
    ),
    "one number": structure(unsigned(5, 4)),
}
APDUS = {name: _apdu(name, NOON_MS) for name in MAKERS}
APDUS |= {name: notified(body) for name, body in OTHERS.items()}
APDUS |= {f"{name}, not sent at": notified(body, b"") for name, body in OTHERS.items()}
WILD = bytes.fromhex("07ea0615070c00ffff8880")
APDUS["without seconds"] = notified(OTHERS["one number"], WILD[:7] + b"\xff" + WILD[7:])


@pytest.mark.parametrize("name", APDUS)
@settings(max_examples=60)
@given(data=st.data())
def test_the_second_telegram_is_read_as_if_it_were_the_first(name, data) -> None:
    apdu = APDUS[name]
    step = STEPS.get(name, 1)
    reader = _reader(step)
    _read(apdu, reader)
    other = bytearray(apdu)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(apdu) - 1))
        other[at] = data.draw(
            st.sampled_from([0, 0x7F, 0x80, 0xFF, other[at] ^ 1, 59, 60]) | st.integers(0, 255)
        )
    cut = data.draw(st.sampled_from([len(other)] * 5 + [data.draw(st.integers(0, len(other)))]))
    second = bytes(other[:cut])

    assert _read(second, reader) == _read(second, _reader(step))
    assert _read(apdu, reader) == _read(apdu, _reader(step))


@pytest.mark.parametrize("variant", MAKERS)
def test_a_day_of_a_meter_is_read_alike_with_and_without_what_came_before(variant) -> None:
    step = STEPS.get(variant, 1)
    reader = _reader(step)
    for n in range(300):
        apdu = _apdu(variant, 1_792_880_000_000 + n * 290_000)  # through the change in October

        assert _read(apdu, reader) == _read(apdu, _reader(step))
    assert len(reader.shapes) <= push_shapes.SHAPES_MAX


@pytest.mark.parametrize("name", APDUS)
def test_nearly_every_telegram_of_a_meter_has_the_shape_of_the_one_before(name) -> None:
    reader = _reader()
    _read(APDUS[name], reader)
    shape = reader.shapes.get(len(APDUS[name]))
    is_whole = name not in {"without seconds"} and not name.startswith("real")

    assert (shape is not None) == is_whole
    assert shape is None or shape.read(APDUS[name], "") == _read(APDUS[name], reader).readings


def test_another_serial_number_is_read_right() -> None:
    reader = _reader()
    apdu = _apdu("Kaifa", NOON_MS)
    other = apdu.replace(b"6970631400000019", b"6970631400000020")
    told = [_read(one, reader).readings[0].serial for one in (apdu, other, apdu)]

    assert told == ["6970631400000019", "6970631400000020", "6970631400000019"]


def test_only_a_few_shapes_are_kept() -> None:
    reader = _reader()
    for count in range(1, 40):
        items = [octets(b"MKT"), *(code("1-0:1.7.0"), unsigned(count, 4)) * count]
        _read(notified(structure(*items[1:])), reader)

    assert len(reader.shapes) == push_shapes.SHAPES_MAX


@pytest.mark.parametrize(
    "between",
    [b"", b"\x7e", b"\x55", b"\x7e\xa0", b"\xa0\x31\x41\x03\x13"],
    ids=["nothing", "a flag", "noise", "a beginning", "a head"],
)
@pytest.mark.parametrize("variant", ["Kaifa", "Aidon", "Kamstrup, encrypted"])
def test_frames_like_the_one_before_are_told_as_in_any_slicing(variant, between) -> None:
    meter = SIMULATOR.begin(variant, SIMULATOR.source(7), 7, NOON_MS)
    frames = [meter.telegram(NOON_MS + n * 10_000) for n in range(6)]
    broken = frames[3][:40] + bytes((frames[3][40] ^ 4,)) + frames[3][41:]
    shared = frames[5][1:]
    stream = between.join([*frames[:3], broken, frames[4] + shared, framed(b"\x0f"), frames[3]])
    told = {}
    for size in (1, 7, 64, 200, len(stream)):
        session = dlms.DEVICE.open(SIMULATOR.variants[variant])
        steps = [s for at in range(0, len(stream), size) for s in session.feed(stream[at:][:size])]
        told[size] = steps + session.timeout()

    assert all(steps == told[1] for steps in told.values())
    assert [len(step.readings) > 5 for step in told[1] if not step.faults][:3] == [True] * 3
    assert cosem.LLC in told[1][0].raw
