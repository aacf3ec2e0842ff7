"""How many SMS a text takes: the GSM 7-bit alphabet (3GPP TS 23.038) or, with any other character, UCS-2."""

import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

GSM: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION: Final = "\f^{}\\[~]|€"
"""Characters that take two places: an escape stands before each."""
GSM_SINGLE: Final = 160
GSM_PART: Final = 153
UCS2_SINGLE: Final = 70
UCS2_PART: Final = 67

NOT_GSM: Final = "[^" + "".join(f"\\u{ord(character):04x}" for character in GSM + GSM_EXTENSION) + "]"
"""A character that makes a text UCS-2, as a pattern for both Python and PostgreSQL."""
_WIDTHS = {**dict.fromkeys(GSM, 1), **dict.fromkeys(GSM_EXTENSION, 2)}


@dataclass(frozen=True, slots=True)
class Segments:
    """What a text takes. `units` are septets (GSM-7) or 16-bit units (UCS-2); `odd` is the first character that is not GSM's."""

    encoding: Literal["GSM-7", "UCS-2"]
    characters: int
    units: int
    segments: int
    odd: str | None = None

    @property
    def odd_name(self) -> str | None:
        """That character by code point and name."""
        return None if self.odd is None else f"U+{ord(self.odd):04X} {unicodedata.name(self.odd, 'unnamed')}"


def segments(text: str) -> Segments:
    """Count the segments of a text. An escape or a surrogate pair is never divided between two of them."""
    odd = next((character for character in text if character not in _WIDTHS), None)
    if odd is None:
        widths, single, part = [_WIDTHS[character] for character in text], GSM_SINGLE, GSM_PART
    else:
        widths, single, part = [2 if character > "\uffff" else 1 for character in text], UCS2_SINGLE, UCS2_PART
    units = sum(widths)
    return Segments("GSM-7" if odd is None else "UCS-2", len(text), units, 1 if units <= single else _parts(widths, part), odd)


def _parts(widths: list[int], part: int) -> int:
    count, used = 1, 0
    for width in widths:
        if used + width > part:
            count, used = count + 1, 0
        used += width
    return count
