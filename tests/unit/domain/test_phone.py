"""Phone numbers: every spelling of a number is one E.164 number, or is refused by name."""

import contextlib
import unicodedata

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata, PhoneNumberFormat

from chalicelib.domain.phone import (
    MAX_TYPED,
    CountryError,
    PhoneError,
    check_typed,
    corrected,
    countries,
    country_of,
    misspellings,
    operator_code,
    parse_country,
    parse_phone,
    phone_digits,
)
from tests.phones import examples, trunk_regions

PHONE = "+79121230017"


def e164(text: str) -> str:
    return phonenumbers.format_number(phonenumbers.parse(text), PhoneNumberFormat.E164)


@pytest.mark.parametrize("phone", ["+79101234567", "+493012345678", "+12025550123", "+6768812345", "+390612345678"])
def test_e164_stays_as_it_is(phone: str) -> None:
    assert parse_phone(phone) == check_typed(phone) == phone


@pytest.mark.parametrize(
    "typed",
    [
        "+7 (912) 123-00-17",
        "+7\u00a0912\u202f123\u300000\u200917",
        "+7\u2010912\u2011123\u201200\u221217",
        "\u202a+79121230017\u202c",
        "\ufeff+7912\u200b1230\u200d017",
        "\uff0b\uff17\uff19\uff11\uff12\uff11\uff12\uff13\uff10\uff10\uff11\uff17",
        "+\u0667\u0669\u0661\u0662\u0661\u0662\u0663\u0660\u0660\u0661\u0667",
        "+\u096d912123001\u096d",
        "+7.912.123.00.17",
        "\uff08+7\uff09912\uff0d1230017",
        "tel:+7-912-123-00-17",
        " +79121230017\r\n",
        "+7[912]1230017",
        "+7 8 912 123 00 17",
        "\t+7912 1230017",
    ],
)
def test_what_people_write_around_the_digits(typed: str) -> None:
    assert parse_phone(typed) == PHONE


_REFUSED = {
    "phone_missing": ("", " \u200b\u00a0"),
    "phone_too_short": ("+", "12", "+7910123456"),
    "phone_too_long": ("+7" * 40, "8912123001789121230018"),
    "phone_length": ("+791012345678",),
    "phone_without_area_code": ("+12530000",),
    "phone_calling_code": ("+0123456789", "+99999999999"),
    "phone_country_unknown": ("79121230017", "9261234567", "8 (495) 123-45-67", "0079121230017"),
    "phone_scientific": ("7.91E+10", "7,91e+10", "7.91Е+10"),
    "phone_decimal": ("79121230017.0", "79121230017,00", "79121230017.5"),
    "phone_grouped": ("79,121,230,017",),
    "phone_formula": ('="+79121230017"', "=79121230017"),
    "phone_apostrophe": ("'+79121230017", "\u201979121230017"),
    "phone_error_value": ("#####", "#N/A"),
    "phone_extension": (
        "+79121230017 ext. 5",
        "+79121230017x5",
        "+79121230017 доб. 5",
        "tel:+79121230017;ext=5",
        "+79121230017#12",
    ),
    "phone_letters": ("+1-800-FLOWERS", "+7О121230017", "+7l121230017", "none"),
    "phone_several": (
        "+79121230017, +79121230018",
        "+79121230017 +79121230018",
        "89121230017/89121230018",
        "89121230017\n89121230018",
        "++79121230017",
    ),
    "phone_character": (
        "-79121230017",
        "7+9121230017",
        "+7912123001²",
        "+7912\x00123\x020017",
        "+79121230017/8",
        "+7_9121230017",
        "+79121230017*",
        "tel:79121230017;phone-context=+7",
    ),
    "phone_trunk_prefix": ("+5703211234567",),
}


@pytest.mark.parametrize(("typed", "code"), [(typed, code) for code, texts in _REFUSED.items() for typed in texts])
def test_what_is_wrong_is_said_by_name(typed: str, code: str) -> None:
    with pytest.raises(PhoneError) as caught:
        parse_phone(typed)
    assert caught.value.code == code
    assert str(caught.value)


def test_an_odd_character_is_named() -> None:
    with pytest.raises(PhoneError, match=r'letters \("О", CYRILLIC CAPITAL LETTER O\)'):
        parse_phone("+7О121230017")
    with pytest.raises(PhoneError, match=r"U\+0000"):
        parse_phone("+7912\x001230017")


@pytest.mark.parametrize(
    ("typed", "country", "phone"),
    [
        ("9261234567", "RU", "+79261234567"),
        ("8 (495) 123-45-67", "RU", "+74951234567"),
        ("79121230017", "RU", "+79121230017"),
        ("07700 900 982", "GB", None),
        ("0161 496 0001", "gb", "+441614960001"),
        ("0079121230017", "DE", "+79121230017"),
        ("011 7 912 123 00 17", "US", "+79121230017"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("612345678", "FR", "+33612345678"),
        ("87011234567", "RU", None),  # Kazakhstan's
        ("+77011234567", "RU", "+77011234567"),
        ("4169670000", "US", None),  # Canada's
        ("9261234567", "PK", None),
        ("112", "RU", None),
    ],
)
def test_national_numbers_are_read_in_a_named_country_only(typed: str, country: str, phone: str | None) -> None:
    if phone is None:
        with pytest.raises(PhoneError):
            parse_phone(typed, country)
    else:
        assert parse_phone(typed, country) == phone


@pytest.mark.parametrize("country", ["", "XX", "001", "RUS", "7", "Р У", "UK"])
def test_a_default_country_is_one_with_phones(country: str) -> None:
    with pytest.raises(CountryError):
        parse_country(country)


def test_the_trunk_prefix_of_every_region_is_dropped_or_refused() -> None:
    """All types of numbers of all regions that have one; the national form with and without it is read, in its country."""
    regions = trunk_regions()
    assert len(regions) >= 140
    refused = set()
    for region in regions:
        plan = PhoneMetadata.metadata_for_region(region)
        assert plan is not None
        for canonical, national in examples(region):
            wrong = f"+{plan.country_code}{plan.national_prefix}{national}"
            try:
                assert parse_phone(wrong) == canonical
            except PhoneError:
                refused.add(region)
            assert wrong in misspellings(canonical)
            assert corrected(wrong) in (canonical, None)
            for typed in (national, f"{plan.national_prefix}{national}"):
                try:
                    assert parse_phone(typed, region) == canonical
                except PhoneError:
                    refused.add(region)
    assert refused <= {"CO", "CA"}


def test_every_example_of_every_region_is_accepted_as_it_is() -> None:
    for region in countries():
        for canonical, _national in examples(region):
            if canonical == "+13101234":  # not dialled from abroad
                continue
            assert parse_phone(canonical) == canonical
            assert country_of(canonical) is not None


_DIGITS = st.text("0123456789", min_size=3, max_size=16)
_NOISE = st.text(" -()+.\u00a0\u200b\u2011/;,'=eExX#0\uff17\u0667", max_size=4)


_PREFIXES = st.sampled_from(["", "+", "+7", "+7 8", "+44", "+440", "+49", "+1", "+57", "00"])
_COUNTRIES = st.sampled_from([None, "RU", "GB", "DE", "US", "CO", "IT"])


@given(_PREFIXES, _DIGITS, _NOISE, st.integers(0, 16), _COUNTRIES)
def test_what_is_accepted_is_canonical(prefix: str, digits: str, noise: str, place: int, country: str | None) -> None:
    text = prefix + digits[:place] + noise + digits[place:]
    try:
        phone = parse_phone(text, country)
    except PhoneError:
        return
    assert phone == e164(phone) == parse_phone(phone) == corrected(phone)
    read = "".join(str(unicodedata.decimal(each)) for each in text if unicodedata.decimal(each, None) is not None)
    assert phonenumbers.national_significant_number(phonenumbers.parse(phone)) in read


@given(st.text(max_size=MAX_TYPED + 5), st.sampled_from([None, "RU"]))
def test_no_text_is_more_than_refused(text: str, country: str | None) -> None:
    with contextlib.suppress(PhoneError):
        assert parse_phone(text, country) == e164(parse_phone(text, country))


def test_operator_codes() -> None:
    assert operator_code("+79101234567") == "910"
    assert operator_code("+12025550123") == "202"


def test_digits_of_a_search() -> None:
    assert phone_digits("+7 (912) \uff11²") == "+79121"
    assert phone_digits("abc") == ""
