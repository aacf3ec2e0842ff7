"""Example phones of every region, for walks over all of them."""

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat, PhoneNumberType


def trunk_regions() -> list[str]:
    """Regions where national numbers are dialled with a trunk prefix."""
    return sorted(
        region
        for region in phonenumbers.SUPPORTED_REGIONS
        if (plan := PhoneMetadata.metadata_for_region(region)) is not None and plan.national_prefix
    )


def examples(region: str) -> list[tuple[str, str]]:
    """A number of each type that the region has: in E.164, and without its country calling code."""
    numbers = (phonenumbers.example_number_for_type(region, kind) for kind in PhoneNumberType.values())
    return list(
        dict.fromkeys(
            (phonenumbers.format_number(number, PhoneNumberFormat.E164), phonenumbers.national_significant_number(number))
            for number in numbers
            if number is not None
        )
    )


def mobile(region: str) -> tuple[str, str]:
    """The same, one mobile number."""
    number = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE) or phonenumbers.example_number(region)
    assert number is not None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164), phonenumbers.national_significant_number(number)
