"""What the keys of a keyboard type, by their numbers in Linux, in the layouts of scanners.

Spec: Linux include/uapi/linux/input-event-codes.h (keys are named by their place on a US keyboard);
the layouts as the kernel's and X's keymaps us, de and fr (AZERTY) have them, as far as they type
ASCII at once.
"""

from collections.abc import Iterator

ENTER, TAB, KEYPAD_ENTER = 28, 15, 96
SHIFTS = frozenset((42, 54))

# Rows of keys: the number of the first, what they type plain, and what with Shift. A blank is a key
# that types nothing in ASCII there; the space bar has a row of its own.
_Rows = tuple[tuple[int, str, str], ...]
_US: _Rows = (
    (2, "1234567890-=", "!@#$%^&*()_+"),
    (16, "qwertyuiop[]", "QWERTYUIOP{}"),
    (30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    (86, "\\", "|"),
)
_DE: _Rows = (
    (2, "1234567890  ", '!" $%&/()=? '),
    (16, "qwertzuiop +", "QWERTZUIOP *"),
    (30, "asdfghjkl   ", "ASDFGHJKL   "),
    (43, "#yxcvbnm,.-", "'YXCVBNM;:_"),
    (86, "<", ">"),
)
_FR: _Rows = (
    (2, "& \"'(- _  )=", "1234567890 +"),
    (16, "azertyuiop $", "AZERTYUIOP  "),
    (30, "qsdfghjklm  ", "QSDFGHJKLM% "),
    (43, "*wxcvbn,;:!", " WXCVBN?./ "),
    (86, "<", ">"),
)
_KEYPAD: _Rows = ((71, "789 456 1230", "            "),)
_SPACE_BAR = 57


def _typed(rows: _Rows) -> Iterator[tuple[tuple[int, bool], str]]:
    for first, plain, shifted in rows:
        for n, pair in enumerate(zip(plain, shifted, strict=True)):
            for is_shifted, character in enumerate(pair):
                if character != " ":
                    yield (first + n, bool(is_shifted)), character


def _layout(rows: _Rows) -> dict[tuple[int, bool], str]:
    space = dict.fromkeys(((_SPACE_BAR, False), (_SPACE_BAR, True)), " ")
    return dict(_typed((*rows, *_KEYPAD))) | space


# By layout: what a key types, by its number and whether Shift is down.
LAYOUTS = {"us": _layout(_US), "de": _layout(_DE), "fr": _layout(_FR)}
