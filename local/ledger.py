"""The local provider as its tests and the demo see it: settings and ledger."""

from typing import Any

import requests

from local.errors import LocalError


class ProviderClient:
    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()

    def is_our_own(self) -> bool:
        """Whether it is the stand-in, which has settings and a ledger, and no provider of somebody else."""
        try:
            answer = self._session.get(f"{self._url}/ledger", timeout=10)
            return answer.ok and {"calls", "deliveries"} <= answer.json().keys()
        except (requests.RequestException, ValueError, AttributeError):
            return False

    def summary(self) -> dict[str, Any]:
        return self._call("GET", "/ledger")

    def deliveries(self) -> dict[int, int]:
        """How often each message was delivered."""
        return {int(message_id): count for message_id, count in self._call("GET", "/deliveries").items()}

    def history(self, message_id: int) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = self._call("GET", f"/ledger/{message_id}")["calls"]
        return calls

    def reset(self) -> None:
        """Forgets all calls, and behaves as by default."""
        self._call("DELETE", "/ledger")
        self._call("PUT", "/settings", {})

    def configure(self, **settings: Any) -> None:
        self._call("PATCH", "/settings", settings)

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        try:
            answer = self._session.request(method, self._url + path, json=body, timeout=30)
        except requests.RequestException as error:
            raise LocalError(f"The provider does not answer ({type(error).__name__}).") from None
        if not answer.ok:
            raise LocalError(f"The provider: {answer.text[:300]}")
        found: dict[str, Any] = answer.json()
        return found
