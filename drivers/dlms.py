"""Smart meters that push DLMS/COSEM: Norway, Sweden, Denmark, Switzerland, Slovenia, Austria.

Spec: IEC 62056-5-3, -6-2, -7-5 and 62056-46; NVE, HAN interface, 2016; oesterreichsenergie,
customer interface of smart meters, 2020. Reference: drivers/wire/push_frames.py puts telegrams
together, drivers/wire/push.py opens and reads them.
"""

from collections.abc import Mapping

from drivers.reading import Fault, Message, Reading
from drivers.sdk import Device, Example, Line, Register, Setting, SettingError, Step
from drivers.wire import gcm, hdlc, mbus_push, push, push_frames
from drivers.wire.hdlc import FLAG, Frame
from drivers.wire.noise import Noise

BUFFER_MAX = 16 * 1024
_FLAG = bytes((FLAG,))
# What a telegram without frames begins with. One in blocks has frames around them.
_BARE = {bytes((push.DATA_NOTIFICATION,)), bytes((push.CIPHERED,))}

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Session:
    """Telegrams out of a stream, over HDLC or M-Bus frames, plain or encrypted.

    The bytes of a telegram under way stay in the buffer until it is complete: what is told of it
    has all its frames and whatever stood between them.
    """

    def __init__(self, reader: push.Reader) -> None:
        self._reader = reader
        self._buffer = bytearray()
        self._offset = 0  # place in the stream of the buffer's first byte
        self._scan = 0  # no frame begins before this index
        self._needed = 0  # nothing is found before the buffer has so many bytes
        self._follows_flag = False  # whether a flag that ended a frame stands before `_scan`
        self._begin = 0  # where the telegram under way begins, if `_end` is behind it
        self._end = 0  # where its last frame ends
        self._is_quiet = True  # nothing came since the beginning or the last silence
        self._assembly = push_frames.Assembly()
        self._noise = Noise()
        # How the last telegram in one HDLC frame began, to its first byte, and how long it was.
        self._usual = b""
        self._usual_bytes = 0

    def feed(self, chunk: bytes) -> list[Step]:
        buffer = self._buffer
        if len(buffer) + len(chunk) < self._needed:
            buffer += chunk
            return []
        steps: list[Step] = []
        for at in range(0, len(chunk), BUFFER_MAX // 2):
            buffer += chunk[at : at + BUFFER_MAX // 2]
            if self._usual and not (self._begin or self._scan or self._end or self._noise.length):
                steps += self._usual_ones()
                if len(buffer) < self._usual_bytes and buffer.startswith(self._usual):
                    self._needed = self._usual_bytes
                    continue
            steps += self._drain(final=False)
        return steps

    def _usual_ones(self) -> list[Step]:
        """Telegrams at the beginning of the buffer that differ from the last one behind their
        heads alone, as nearly all do: tells what `_drain` would, in half the time."""
        buffer, length, begin = self._buffer, self._usual_bytes, len(self._usual) - 1
        steps: list[Step] = []
        while buffer.startswith(self._usual) and buffer[length - 1 : length] == _FLAG:
            raw = bytes(buffer[:length])
            if not hdlc.is_intact(raw[1:-1]):
                break
            told = push.read(raw[begin:-3], self._reader, "", self._offset, length)
            steps.append(_new(Message, (self._offset, raw, *told)))
            del buffer[:length]
            self._offset += length
            self._is_quiet, self._follows_flag = False, True
        return steps

    def timeout(self) -> list[Step]:
        """After a silence nothing more of a telegram comes: tell what stands, drop the rest."""
        steps = self._bare() if self._is_quiet else []
        steps += self._drain(final=True)
        steps += self._abandon("a telegram without its end")
        steps += self._skip_to(len(self._buffer))
        self._trim()
        self._is_quiet = True
        self._follows_flag = False
        return [*steps, *self._noise.tell()]

    def _drain(self, *, final: bool) -> list[Step]:
        buffer = self._buffer
        steps: list[Step] = []
        while True:
            found = push_frames.find(
                buffer, self._scan, follows_flag=self._follows_flag, final=final
            )
            if found.at > self._scan:
                self._follows_flag = False
            self._scan = found.at
            if not found.length:
                break
            steps += self._frame(found)
            self._is_quiet = False
        self._needed = found.needed
        if len(buffer) - self._begin >= BUFFER_MAX // 2 and self._end > self._begin:
            steps += self._abandon("a telegram without its end")
        if buffer and not (self._is_quiet and self._may_be_bare()):
            self._is_quiet = False
            steps += self._skip_to(self._scan)
            self._trim()
        return steps

    def _trim(self) -> None:
        """Drop what has been told."""
        done = self._begin
        del self._buffer[:done]
        self._offset += done
        self._scan = max(0, self._scan - done)
        self._needed -= done
        self._end -= done
        self._begin = 0

    def _skip_to(self, at: int) -> list[Step]:
        """Bytes up to `at` are in no frame: noise, unless a telegram is under way around them."""
        if self._end > self._begin or at <= self._begin:
            return []
        begin = self._begin
        self._begin = self._end = at
        if not self._noise.length:  # flags alone fill the pause between two frames
            begin = at - len(self._buffer[begin:at].lstrip(_FLAG))
        return self._noise.skip(self._offset + begin, at - begin) if at > begin else []

    def _abandon(self, why: str) -> list[Step]:
        """Tell of the telegram under way that it is cut off."""
        self._assembly.forget()
        if self._end <= self._begin:
            return []
        return self._tell(self._end, (), (self._fault("cut", self._end, why),))

    def _fault(self, kind: str, end: int, what: str) -> Fault:
        return Fault(kind, self._offset + self._begin, end - self._begin, what)

    def _tell(
        self, end: int, readings: tuple[Reading, ...], faults: tuple[Fault, ...]
    ) -> list[Step]:
        """Tell of the bytes from the telegram's beginning up to `end`."""
        begin = self._begin
        self._begin = self._end = end
        raw = bytes(self._buffer[begin:end])
        message = _new(Message, (self._offset + begin, raw, readings, faults))
        return [*self._noise.tell(), message] if self._noise.length else [message]

    def _frame(self, found: push_frames.Found) -> list[Step]:
        """What a whole frame does to the telegram under way."""
        at, end, frame = found.at, found.at + found.length, found.frame
        self._scan = end
        self._follows_flag = self._buffer[end - 1] == FLAG
        if frame is None:
            steps = self._abandon("a telegram with a broken frame")
            steps += self._skip_to(at)
            self._end = end
            why = f"a frame of {found.length} bytes whose check is wrong"
            return steps + self._tell(end, (), (self._fault("checksum", end, why),))
        if isinstance(frame, Frame) and not frame.information:
            return []  # keeps a link alive; no meter that pushes is known to send it
        told = self._assembly.add(frame)
        steps = []
        if told.is_first and self._end > self._begin:
            steps += self._tell(
                self._end, (), (self._fault("cut", self._end, "a telegram without its end"),)
            )
        if at > self._begin:
            steps += self._skip_to(at)
        self._end = end
        if told.trouble:
            return steps + self._tell(end, (), (self._fault("cut", end, told.trouble),))
        if not told.apdu:
            return steps
        if told.is_first and isinstance(frame, Frame) and self._buffer[at] == FLAG:
            # What is before its first byte, and that: flag, head and the way to it.
            first = at + found.length - 3 - len(told.apdu)
            self._usual = bytes(self._buffer[at : first + 1])
            self._usual_bytes = found.length
        # A sum of 8 bits does not guard what is not encrypted.
        doubt = "unchecked" if isinstance(frame, mbus_push.Segment) else ""
        return steps + self._tell(end, *self._read(told.apdu, end, doubt))

    def _read(self, apdu: bytes, end: int, doubt: str) -> push.Push:
        """What a complete telegram that ends at `end` says."""
        offset, length = self._offset + self._begin, end - self._begin
        return push.read(apdu, self._reader, doubt, offset, length)

    def _may_be_bare(self) -> bool:
        """Whether all that came since a silence may be a telegram without frames."""
        is_short = len(self._buffer) < push_frames.TELEGRAM_BYTES_MAX
        return is_short and bytes(self._buffer[:1]) in _BARE

    def _bare(self) -> list[Step]:
        """A telegram without frames between two silences: it must be clean to its last byte."""
        if not self._may_be_bare() or self._end > self._begin:
            return []
        end = len(self._buffer)
        told = self._read(bytes(self._buffer), end, "unchecked")
        if not told.readings and told.faults[0].kind != "encrypted":
            return []
        self._scan = end
        return self._tell(end, *told)


def _recognise(sample: bytes) -> bool:
    """Whether a frame with a beginning of a telegram is in the sample, its check right."""
    at, follows_flag = 0, False
    while True:
        found = push_frames.find(sample, at, follows_flag=follows_flag, final=True)
        if not found.length:
            return False
        frame = found.frame
        if isinstance(frame, Frame):
            if frame.information.startswith(push_frames.LLC):
                return True
        elif frame is not None and frame.payload[:1] in push_frames.APDUS:
            return True
        at = found.at + found.length
        follows_flag = isinstance(frame, Frame)


def _open(settings: Mapping[str, str]) -> Session:
    key, auth_key = gcm.keys_of(settings)
    if auth_key and not key:
        raise SettingError("key", "is missing", "an authentication key alone opens nothing")
    step = settings.get("energy_step_wh", "").strip() or "1"
    if step not in {"1", "10"}:
        raise SettingError("energy_step_wh", f"{step!r} cannot be used", "1 or 10")
    lock = gcm.Lock(key, auth_key) if key else None
    return Session(push.Reader(lock, int(step), {}))


def _said(
    serial: str, at_ms: int, *rows: tuple[str, int | str, str], doubt: str = ""
) -> tuple[Reading, ...]:
    """The readings of an example."""
    return tuple(
        Reading(name, value, unit, at_ms, serial, None, doubt) for name, value, unit in rows
    )


_KEY = "4d4b2d6b65792d6f662d6578616d706c"
_AIDON = Example(
    "Norway: objects with scaler and unit",
    bytes.fromhex(
        "7ea0ea410883137358e6e7000f4000000000010a020209060101000281ff0a0b4149444f4e5f563030303102"
        "0209060000600100ff0a1037333539393930303030303030303137020209060000600107ff0a043635323502"
        "0309060100010700ff060000000002020f00161b020309060100020700ff060000073302020f00161b020309"
        "0601001f0700ff10005102020fff1621020309060100200700ff12092a02020fff1623020209060000010000"
        "ff090c07ea0615000c0000ff000000020309060100010800ff060012d68702020f01161e0203090601000208"
        "00ff06000668b102020f01161eec527e"
    ),
    _said(
        "7359990000000017",
        1_782_039_600_000,  # a clock that shows winter time in June
        ("1-1:0.2.129", "AIDON_V0001", ""),
        ("0-0:96.1.0", "7359990000000017", ""),
        ("0-0:96.1.7", "6525", ""),
        ("1-0:1.7.0", 0, "mW"),
        ("1-0:2.7.0", 1_843_000, "mW"),
        ("1-0:31.7.0", 8_100, "mA"),
        ("1-0:32.7.0", 234_600, "mV"),
        ("0-0:1.0.0", "2026-06-21T12:00:00", ""),
        ("1-0:1.8.0", 12_345_670_000, "mWh"),
        ("1-0:2.8.0", 4_200_170_000, "mWh"),
    ),
)
_KAIFA = Example(
    "Norway: an ordered list without names",
    bytes.fromhex(
        "7ea087010201109e6de6e7000f40000000090c07ea010f0408000aff800000020e09074b464d5f3030310910"
        "3639373036333030303030303030323509084d4131303548324506000005e806000000000600000000060000"
        "0057060000198c0600000907090c07ea010f04080000ff800000060074cbb106000000000600000015060000"
        "ff9846c67e"
    ),
    _said(
        "6970630000000025",
        1_768_460_400_000,
        ("1-1:0.2.129", "KFM_001", ""),
        ("0-0:96.1.0", "6970630000000025", ""),
        ("0-0:96.1.7", "MA105H2E", ""),
        ("1-0:1.7.0", 1_512_000, "mW"),
        ("1-0:2.7.0", 0, "mW"),
        ("1-0:3.7.0", 0, "mvar"),
        ("1-0:4.7.0", 87_000, "mvar"),
        ("1-0:31.7.0", 6_540, "mA"),
        ("1-0:32.7.0", 231_100, "mV"),
        ("0-0:1.0.0", "2026-01-15T08:00:00", ""),
        ("1-0:1.8.0", 7_654_321_000, "mWh"),
        ("1-0:2.8.0", 0, "mWh"),
        ("1-0:3.8.0", 21_000, "mvarh"),
        ("1-0:4.8.0", 65_432_000, "mvarh"),
    ),
)
_LANDIS = Example(
    "Switzerland: what is pushed, then the values, in three blocks",
    bytes.fromhex(
        "7ea084ceff0313128be6e700e04000010000700f0000cbc20c07ea0706010e3a14ff800000020a010a020412"
        "002809060008190900ff0f021200000204120001090600002a0000ff0f021200000204120001090600006001"
        "01ff0f02120000020412000809060000010000ff0f02120000020412000309060100010700ff0f0212000054"
        "047e7ea081ceff031346ade0400002000070020412000309060100020700ff0f021200000204120003090601"
        "01010800ff0f02120000020412000309060101020800ff0f02120000020412000309060100200700ff0f0212"
        "00000204120003090601001f0700ff0f0212000009104c475a3130333036353030303030333309073230f604"
        "7e7ea03eceff03133e99e0c0000300002d3030303333090c07ea0706010e3a14ff800080060000019c060000"
        "000006000d88d906000000121200ec1200b2355c7e"
    ),
    _said(
        "2000033",
        1_783_342_700_000,
        ("0-0:42.0.0", "LGZ1030650000033", ""),
        ("0-0:96.1.1", "2000033", ""),
        ("0-0:1.0.0", "2026-07-06T14:58:20", ""),
        ("1-0:1.7.0", 412_000, "mW"),
        ("1-0:2.7.0", 0, "mW"),
        ("1-1:1.8.0", 887_001_000, "mWh"),
        ("1-1:2.8.0", 18_000, "mWh"),
        ("1-0:32.7.0", 236_000, "mV"),
        ("1-0:31.7.0", 1_780, "mA"),
    ),
)
_KAMSTRUP = Example(
    "Denmark: encrypted and authenticated, codes and values in turn",
    bytes.fromhex(
        "7ea0e7410313c092e6e700db084b414d450100004181cf300010a3f19260e4de474b7539383a675e3ee52fbb"
        "e7b3835495169ef39d9c64b9c6e9690fc5313a2f79c712de4f4b4d466593c67cd556bca009398d4238c3d93b"
        "784f3a85e06e1f6beb84180bf8c16eba7edb35a3eb5e62c887320976de5a3e394111df4e15baeea971503301"
        "94b16e8ed087be09fe62804857d7ef0bbf1ce6ea77720e180ce9c7adccd39bce4e860138b78f73ef932e0251"
        "e68e20d3f680bce0fc0cd4e70979da4ac80adcc8c7fe567f1414b7b3dc1138e75dd4f2a3ac53befbd4682342"
        "c013a6e9a5ba861030d9bd9e7e"
    ),
    _said(
        "5706567000000041",
        1_788_958_800_000,
        ("1-1:0.2.129", "Kamstrup_V0001", ""),
        ("1-1:0.0.5", "5706567000000041", ""),
        ("1-1:96.1.1", "6841121BN243101040", ""),
        ("1-1:1.7.0", 2_205_000, "mW"),
        ("1-1:2.7.0", 0, "mW"),
        ("1-1:31.7.0", 9_510, "mA"),
        ("1-1:32.7.0", 232_000, "mV"),
        ("0-1:1.0.0", "2026-09-09T14:00:00", ""),
        ("1-1:1.8.0", 1_230_045_000, "mWh"),
        ("1-1:2.8.0", 77_000, "mWh"),
    ),
    {"key": _KEY, "auth_key": "4d4b2d617574682d6f662d6578616d70"},
)
_KAIFA_IN_AUSTRIA = Example(
    "Austria: encrypted in two M-Bus frames, nothing to verify it by",
    bytes.fromhex(
        "68fafa6853ff000167db084b464d675000005781f8200000002453d58352a5c65b25808d20cd08bf9f28352e"
        "1deeca0efec5c86211dc410f957f5f59c07947b83c20bf3412b856e176fec0ae8d290ec67f25d6947fd1c929"
        "d6d26af495d2dd67773917c4b419452419edcf03a1d80f563b1e5a2ed24f3d5c170151f5286587c8fc7356aa"
        "f3667b2bcd9056973987dc0273411b131168fb0a7b2f4db0dd51db92b3ac626df9f16b3cf96c5e44cef4182c"
        "51455cd21c59f19829f078202bce06cb6f5e4bb4b17a7e301a01a888e92df7892455bf0fc7018c3d7d99ee41"
        "f1bac21e28e702a196cee53fe239aefa8387829ebb132728abd4d56ed7c9f2bf3fc9c1166814146853ff1101"
        "672326ca15116255ff96602741b51b14fc16"
    ),
    _said(
        "181220000057",
        1_782_036_005_000,
        ("0-0:1.0.0", "2026-06-21T12:00:05", ""),
        ("1-0:1.8.0", 4_426_001_000, "mWh"),
        ("1-0:2.8.0", 1_200_345_000, "mWh"),
        ("1-0:1.7.0", 0, "mW"),
        ("1-0:2.7.0", 2_750_000, "mW"),
        ("1-0:32.7.0", 233_700, "mV"),
        ("1-0:52.7.0", 234_100, "mV"),
        ("1-0:72.7.0", 232_900, "mV"),
        ("1-0:31.7.0", 3_920, "mA"),
        ("1-0:51.7.0", 4_010, "mA"),
        ("1-0:71.7.0", 3_860, "mA"),
        ("1-0:13.7.0", "0.998", ""),
        ("0-0:96.1.0", "181220000057", ""),
        doubt="unverified",
    ),
    {"key": _KEY},
    checksum_bits=8,  # the sums of M-Bus; only a verified tag would guard more
)

DEVICE = Device(
    name="dlms",
    title="Smart meter that pushes DLMS/COSEM (Norway, Sweden, Denmark, Switzerland, Slovenia, "
    "Austria)",
    line=Line(2400, "8E1"),
    wiring=(
        "M-Bus, 2400 8E1 or 8N1, fed by the meter: a USB adapter for M-Bus slaves reads it, "
        "never tie it to a serial port itself. Norway and older Swedish meters: RJ45 HAN port, "
        "pins 1 and 2. Landis+Gyr E450 and E570, Kaifa and Sagemcom in Austria: RJ12, pins 3 "
        "and 4. Kamstrup: the HAN module in the meter, 2400 8N1. As on a P1 port, 115200 8N1, "
        "with a P1 cable: RJ12 of Iskra AM550, Siemens IM350 and Landis+Gyr E360. Vienna: an "
        "optical head on the front, 9600 8N1."
    ),
    registers=(
        Register("1-0:1.8.0", "mWh", "energy imported; .1 and .2 by tariff"),
        Register("1-0:2.8.0", "mWh", "energy exported; .1 and .2 by tariff"),
        Register("1-0:3.8.0", "mvarh", "reactive energy imported (4.8.0 exported)"),
        Register("1-0:1.7.0", "mW", "power imported"),
        Register("1-0:2.7.0", "mW", "power exported"),
        Register("1-0:3.7.0", "mvar", "reactive power imported (4.7.0 exported)"),
        Register("1-0:21.7.0", "mW", "power imported, L1 (41 L2, 61 L3; exported 22, 42, 62)"),
        Register("1-0:32.7.0", "mV", "voltage, L1 (52 L2, 72 L3)"),
        Register("1-0:31.7.0", "mA", "current, L1 (51 L2, 71 L3)"),
        Register("1-0:13.7.0", "", "power factor, as text"),
        Register("1-0:14.7.0", "mHz", "frequency"),
        Register(
            "1-1:1.8.0", "mWh", "energy imported, at Kamstrup and in Switzerland; so the others"
        ),
        Register("0-0:1.0.0", "", "the meter's clock, as it shows it (0-1:1.0.0 at Kamstrup)"),
        Register("0-0:96.1.0", "", "serial number (0-0:96.1.1, 1-1:0.0.5 at some makers)"),
        Register("0-0:42.0.0", "", "logical device name"),
        Register("1-1:0.2.129", "", "version of the list"),
        Register("0-0:96.1.7", "", "type of the meter (1-1:96.1.1 at Kamstrup)"),
        Register("0-0:96.3.10", "", "state of the breaker"),
        Register("0-n:24.2.1", "", "counter of M-Bus meter n, where its unit is not sent"),
    ),
    examples=(_AIDON, _KAIFA, _LANDIS, _KAMSTRUP, _KAIFA_IN_AUSTRIA),
    recognise=_recognise,
    open=_open,
    other_lines=(Line(115200), Line(2400), Line(9600)),
    checksum_bits=16,
    buffer_max=BUFFER_MAX,
    settings=(
        Setting("key", "", "encryption key (GUEK, GPK60), 32 hex digits; ask the grid operator"),
        Setting(
            "auth_key", "", "authentication key (GAK, GPK61), 32 hex digits, where there is one"
        ),
        Setting("energy_step_wh", "1", "Kamstrup only: 10 where 1.8.0 is a tenth of the display"),
    ),
    quirks=(
        "Norway and Sweden send in the clear; Denmark, Austria and parts of Switzerland encrypt.",
        "Keys: on the portal of an Austrian grid operator; in Denmark by mail, GPK60 and GPK61.",
        "Without an authentication key, or without a tag, readings carry the doubt 'unverified'.",
        "Kamstrup counts 10 Wh in Norway and Denmark, 1 Wh in Sweden and Switzerland, untold.",
        "So compare a Kamstrup meter with its display, and set energy_step_wh.",
        "Where units are not sent, voltages are taken for V, tenths or hundredths by their size.",
        "Kamstrup and Aidon show winter time all the year; Aidon calls it UTC.",
        "Other clocks without zone and summer flag are taken as central European time.",
        "Norwegian meters tell their counters once an hour only; most lists have power alone.",
        "Sagemcom's T210-D writes a length of 1 for 257 bytes.",
        "Landis+Gyr's ZMF100 turns two bytes of a code around; Kaifa codes the date twice.",
        "Blocks and segments out of order are refused with their whole telegram.",
        "A list of bare values in an order that is not known is a fault that tells their types.",
        "What a list has without a name is called item-1 and so on, by its place.",
    ),
)
