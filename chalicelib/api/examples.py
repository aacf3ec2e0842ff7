"""A body for each operation that takes one, as the documentation offers it: sent as it stands, it is answered with a 2xx.

Ids are 1: the first thing of its kind. A wrong password or a phone that is taken is the reader's to replace.
"""

from typing import Any, Final

_CLIENT: Final = {
    "phone": "+79101234567",
    "time_zone": "Europe/Moscow",
    "tags": ["vip"],
    "attributes": {"name": "Анна", "visits": 3},
}
_MAILING: Final = {
    "name": "May sale",
    "text": "Hello, ${name|dear client}!",
    "filter_tags": ["vip"],
    "starts_at": "2030-05-01T09:00:00",
    "ends_at": "2030-05-02T18:00:00",
    "send_from": "09:00:00",
    "send_until": "21:00:00",
    "draft": True,
}

EXAMPLES: Final[dict[str, Any]] = {
    "logins:login": {"username": "anna", "password": "correct horse battery"},
    "logins:logout": {},
    "tokens:create": {"name": "nightly import"},
    "clients:create": _CLIENT,
    "clients:replace": _CLIENT,
    "clients:import_file": "phone,time_zone,tags\n+79101234567,Europe/Moscow,vip\n",
    "clients:put_by_phone": {name: value for name, value in _CLIENT.items() if name != "phone"},
    "clients:change": {"tags": ["vip", "spring"]},
    "mailings:create": _MAILING,
    "mailings:replace": _MAILING,
    "mailings:change": {"text": "Hello, ${name|dear client}! Only today."},
    "mailings:test": {"phone": "+79101234567"},
    "messages:create": {"mailing": 1, "client": 1},
    "messages:replace": {"mailing": 1, "client": 1, "status": 1},
    "messages:change": {"status": 1},
    "messages:resolve": {"delivered": True},
    "mailings:resolve": "message,delivered\n1,true\n2,false\n",
    "do_not_contact:put": {"phone": "+79107654321", "reason": "asked by letter"},
    "providers:create": {"name": "twilio", "kind": "twilio", "sender": "+15550001111"},
    "providers:change": {"enabled": False},
    "users:create": {"username": "boris", "password": "another horse battery"},
    "users:change": {"is_active": True},
    "users:change_own_password": {"old_password": "correct horse battery", "password": "a staple for the battery"},
    "persons:export": {"phone": "+79101234567"},
    "persons:erase": {"phone": "+79101234567"},
}
