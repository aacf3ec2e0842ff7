"""The counter of the form, in JavaScript, and `domain.segments` count alike."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from chalicelib.admin.words import segment_table
from chalicelib.domain.personal_text import fill
from chalicelib.domain.segments import GSM, GSM_EXTENSION, segments
from chalicelib.services.text_checks import largest_values
from chalicelib.storage.selections import NameValues

SCRIPT = Path(__file__).parents[2] / "chalicelib/admin/static/mailing/segments.js"
LENGTHS = (1, 66, 67, 68, 69, 70, 71, 76, 77, 79, 80, 81, 133, 134, 135, 152, 153, 154, 159, 160, 161, 305, 306, 307, 459, 460)
TEXTS = [
    *(filler * length + end for filler in ("a", "€", "я", "\U0001f600") for length in LENGTHS for end in ("", "€", "\U0001f600")),
    *(each for character in GSM + GSM_EXTENSION for each in (character, character + "я")),
    "я" * 66 + "\U0001f600" + "я" * 67,  # a surrogate pair at the boundary of two parts goes to the second whole
    "a" * 152 + "[" + "a" * 153,  # so does an escape with its character
    "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 14,
    "e\u0301" * 35,
    "ç",
    "`",
    "\u00a0",
    "\ufeff",
    "a\nb\rc",
    "",
]
VALUES = {"имя": "Яна", "\u0439": "й", "नाम": "x", "name": "Анна", "city": "Köln", "empty": ""}
TEMPLATES = [
    "${имя} ${Имя|}",
    "${\u0438\u0306} ${\u0439}",
    "${नाम}${名前|я}",
    "${name}",
    "${nick|friend}",
    "$${name}",
    "$$${city}",
    "$$$${city}",
    "${nick|}",
    "100$ {x} ${city|a|b}",
    "{{name}} ${name}",
]
KNOWN = {
    "name": NameValues(1, "Josephine", "Анна"),
    "city": NameValues(0, "Köln", None),
    "имя": NameValues(2, None, None),
    "\u0439": NameValues(3, "й" * 5, "й" * 5),
    "price": NameValues(1, "1000", None),
}
ASKED = [
    *TEMPLATES,
    "${name|my dearest customer}",  # longer than any value, and one client lacks it
    "${name|дорогой}",
    "${name|my dearest customer} ${name}",  # who lacks it gets no message
    "${city|a town without a name}",  # nobody lacks it
    "${имя|друг} ${price|€}",
    "${price|бесплатно} ${price|for nothing at all}",
    "${__proto__|x} ${constructor}",
    "$${name|my dearest customer}",
]
_RUN = """
const { fill, count, largest } = require(process.argv[1]);
const asked = JSON.parse(require("fs").readFileSync(0));
const counts = asked.texts.map(each => count(each, asked.table));
const filled = asked.templates.map(each => fill(each, asked.values, asked.table));
const largestOf = each => largest(each, asked.known, asked.table).map(values => fill(each, values, asked.table));
console.log(JSON.stringify([counts, filled, asked.asked.map(largestOf)]));
"""


def test_the_form_counts_segments_and_fills_texts_as_the_service_does() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node here")
    known = {name: [each.longest or "", each.longest_odd, each.lacking > 0] for name, each in KNOWN.items()}
    asked = {
        "texts": TEXTS,
        "table": segment_table(),
        "templates": TEMPLATES,
        "values": VALUES,
        "asked": ASKED,
        "known": known,
    }
    run = subprocess.run(
        [node, "-e", _RUN, str(SCRIPT)], input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=60
    )
    counts, filled, largest = json.loads(run.stdout)
    expected = [segments(each) for each in TEXTS]
    assert counts == [
        {
            "encoding": each.encoding,
            "characters": each.characters,
            "units": each.units,
            "segments": each.segments,
            "odd": each.odd,
        }
        for each in expected
    ]
    assert filled == [fill(each, VALUES) for each in TEMPLATES]
    assert largest == [[fill(each, values) for values in largest_values(each, KNOWN)] for each in ASKED]


def test_a_default_counts_where_a_client_lacks_the_value_and_gets_the_text() -> None:
    def texts(text: str) -> list[str]:
        return [fill(text, values) for values in largest_values(text, KNOWN)]

    assert texts("${name|my dearest customer}") == ["my dearest customer", "Анна"]
    assert texts("${price|даром}") == ["даром"] * 2
    assert texts("${city|a town without a name}") == ["Köln"] * 2
    assert texts("${name|my dearest customer}${name}") == ["Josephine" * 2, "Анна" * 2]
    assert texts("${имя|}") == [""] * 2
    assert texts("${имя}") == ["?"] * 2
