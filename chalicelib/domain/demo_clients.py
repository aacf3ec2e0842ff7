"""The clients that `/add-users` makes: one for each UTC hour and each operator code."""

from typing import Final

# One zone for each hour from UTC-11 to UTC+12, of those that change their clocks no more.
ZONES: Final = (
    "Pacific/Pago_Pago",
    "Pacific/Honolulu",
    "Pacific/Gambier",
    "Pacific/Pitcairn",
    "America/Phoenix",
    "America/Guatemala",
    "America/Bogota",
    "America/Caracas",
    "America/Sao_Paulo",
    "America/Noronha",
    "Atlantic/Cape_Verde",
    "Africa/Abidjan",
    "Africa/Lagos",
    "Africa/Johannesburg",
    "Europe/Moscow",
    "Asia/Dubai",
    "Asia/Karachi",
    "Asia/Dhaka",
    "Asia/Bangkok",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Brisbane",
    "Pacific/Guadalcanal",
    "Pacific/Tarawa",
)
FIRST_CODE: Final = 910
LAST_CODE: Final = 999
TOTAL: Final = len(ZONES) * (LAST_CODE - FIRST_CODE + 1)
