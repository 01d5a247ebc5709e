"""Any Modbus meter, by a map of its registers in a file.

Spec: docs/modbus-map.md; drivers/wire/mapfile.py reads it.
"""

from collections.abc import Iterator, Mapping

from drivers.reading import Reading
from drivers.sdk import Device, Example, Line, Register, Session, Setting, SettingError
from drivers.wire import mapfile, modbus_device
from drivers.wire.modbus import Question
from drivers.wire.modbus_master import Block, Place, Told
from drivers.wire.registermap import SERIAL, MapBook

# A meter that does not exist: integers with the low word first, a counter in steps of 0.1 kWh.
EXAMPLE_MAP = """\
# A meter for three phases.
function = 3        # holding registers; 4 for input registers
words = "low"       # of a number of two registers the low word comes first

[serial]
address = 0x5000
type = "text"
length = 7

[[register]]
register = "1-0:32.7.0"
address = 0x0000
type = "i32"
unit = "V"
scale = -1          # it says 2301 for 230.1 V

[[register]]
register = "1-0:52.7.0"
address = 0x0002
type = "i32"
unit = "V"
scale = -1

[[register]]
register = "1-0:72.7.0"
address = 0x0004
type = "i32"
unit = "V"
scale = -1

[[register]]
register = "1-0:16.7.0"
address = 0x0028
type = "i32"
unit = "W"
scale = -1
no_value = [0x7FFFFFFF]

[[register]]
register = "1-0:14.7.0"
address = 0x0033
type = "u16"
unit = "Hz"
scale = -1

[[register]]
register = "1-0:1.8.0"
address = 0x0034
type = "u32"
unit = "kWh"
scale = -1

[[sample]]
question = "01 03 00 00 00 06 C5 C8"
answer = "01 03 0C 08 FD 00 00 08 F6 00 00 09 0E 00 00 BF F6"
says = { "1-0:32.7.0" = "230.1 V", "1-0:52.7.0" = "229.4 V", "1-0:72.7.0" = "231.8 V" }

[[sample]]
question = "01 03 00 28 00 02 44 03"
answer = "01 03 04 D0 E7 FF FF 73 74"
says = { "1-0:16.7.0" = "-1205.7 W" }

[[sample]]
question = "01 03 00 33 00 03 F5 C4"
answer = "01 03 06 01 F3 E2 40 00 01 D2 DD"
says = { "1-0:14.7.0" = "49.9 Hz", "1-0:1.8.0" = "12345.6 kWh" }
"""


def _open(settings: Mapping[str, str]) -> Session:
    text = settings.get(mapfile.SETTING, "")
    if not text.strip():
        what = "no map of the meter's registers"
        raise SettingError(mapfile.SETTING, what, 'map = "meter.toml", see docs/modbus-map.md')
    described = mapfile.read(text)
    return modbus_device.open_session(settings, lambda doubt: MapBook(described, doubt))


class _Any:
    """A book for a meter of which nothing is known: every answer says that it is one."""

    def round(self) -> Iterator[Block]:
        return iter(())

    def take(self, question: Question, registers: bytes, place: Place) -> Told:
        del question, place
        return Told((Reading("registers", registers.hex()),))

    def refuse(self, block: Block) -> None:
        del block

    def forget(self) -> None:
        pass


DEVICE = Device(
    name="modbus",
    title="Modbus meter with a map of its registers",
    line=Line(9600),
    wiring=(
        "Two twisted wires from A and B of the meter to A and B of an RS-485 converter, and its "
        "ground; or the home network, for a device with Modbus TCP. Speed and frame stand in the "
        'meter\'s manual: line = "19200 8E1" in its block says others than 9600 8N1.'
    ),
    registers=(
        Register("1-0:1.8.0", "mWh", "whatever the map says, such as electricity taken"),
        Register(SERIAL, "", "serial number, if the map says where"),
    ),
    examples=(
        Example(
            "a whole round of the map in docs/modbus-map.md",
            bytes.fromhex(
                "0103500000071508 01030e4558313233343536373839303100822b"
                "010300000006c5c8 01030c08fd000008f60000090e0000bff6"
                "0103002800024403 010304d0e7ffff7374"
                "010300330003f5c4 01030601f3e2400001d2dd"
            ),
            tuple(
                Reading(register, value, unit, None, "EX12345678901")
                for register, value, unit in (
                    ("0-0:96.1.0", "EX12345678901", ""),
                    ("1-0:32.7.0", 230_100, "mV"),
                    ("1-0:52.7.0", 229_400, "mV"),
                    ("1-0:72.7.0", 231_800, "mV"),
                    ("1-0:16.7.0", -1_205_700, "mW"),
                    ("1-0:14.7.0", 49_900, "mHz"),
                    ("1-0:1.8.0", 12_345_600_000, "mWh"),
                )
            ),
            {"map": EXAMPLE_MAP},
        ),
        Example(
            "another master asks for more than the map has",
            bytes.fromhex(
                "01030028000e440601031cd0e7ffff00000000000000000000000000000000000001f3e240000120b9"
            ),
            (
                Reading("1-0:16.7.0", -1_205_700, "mW"),
                Reading("1-0:14.7.0", 49_900, "mHz"),
                Reading("1-0:1.8.0", 12_345_600_000, "mWh"),
            ),
            {"map": EXAMPLE_MAP},
        ),
    ),
    recognise=modbus_device.recogniser(lambda _doubt: _Any()),
    open=_open,
    polled=True,
    checksum_bits=16,
    settings=(
        Setting("map", "", "the file with the map, see docs/modbus-map.md", is_file=True),
        *modbus_device.SETTINGS,
    ),
    quirks=(
        "A map is tried on its own samples before anything is asked; one that fails is refused.",
        "Blocks of different sizes are safer: a late answer to one is none to another.",
        *modbus_device.QUIRKS,
    ),
)
