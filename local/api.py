"""The public API, as anybody's program would call it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

import requests

from local.errors import LocalError

TIMEOUT = 60


class Api:
    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        # Not through a proxy that the environment may name: this is loopback.
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()

    def login(self, username: str, password: str) -> None:
        token = self.post("/api/v1/auth-rest/login", {"username": username, "password": password})["token"]
        self._session.headers["Authorization"] = f"Token {token}"

    def get(self, path: str, **query: str | int) -> Any:
        return self._call("GET", path, params=query)

    def post(self, path: str, body: object = None) -> Any:
        return self._call("POST", path, json={} if body is None else body)

    def pages(self, path: str, **query: str | int) -> Iterator[Any]:
        """The answers of a paginated path, page by page; `next` is looked for in the answer or in its `messages`."""
        answer = self.get(path, **query)
        while True:
            yield answer
            following = answer.get("messages", answer)["next"]
            if following is None:
                return
            answer = self.get(following)

    def create_mailing(self, name: str, text: str, starts_at: datetime, ends_at: datetime, **more: object) -> dict[str, Any]:
        moments = {"starts_at": f"{starts_at:%Y-%m-%dT%H:%M:%S}", "ends_at": f"{ends_at:%Y-%m-%dT%H:%M:%S}"}
        made: dict[str, Any] = self.post("/api/v1/mailing", {"name": name, "text": text, **moments, **more})
        return made

    def mailing(self, mailing_id: int) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/api/v1/mailing/{mailing_id}")
        return found

    def messages(self, mailing_id: int) -> list[dict[str, Any]]:
        """All messages of a mailing."""
        path = f"/api/v1/messages-in-mailing/{mailing_id}"
        return [message for page in self.pages(path, page_size=500) for message in page["messages"]["results"]]

    def statistics(self) -> dict[int, int]:
        """How many messages have each status."""
        answer = self.get("/api/v1/statistic-messages", page_size=1)
        return {entry["status"]: entry["count"] for entry in answer["statuses"]}

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            answer = self._session.request(method, urljoin(self._url, path), timeout=TIMEOUT, **arguments)
        except requests.RequestException as error:
            raise LocalError(f"{method} {path}: the API does not answer ({type(error).__name__}).") from None
        if not answer.ok:
            raise LocalError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()
