"""An OpenID Connect provider over real HTTP that signs real tokens, and does wrong on demand."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "mailing", "s3cret-of-the-client"
Claims = dict[str, Any]


def unsigned(header: Claims, claims: Claims, signature: bytes = b"") -> str:
    """A token with any header and any signature."""
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@dataclass
class OpenIdProvider:
    """Codes are good once, for the redirect address and the PKCE challenge that they were asked for with."""

    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}))
    person: Claims = field(default_factory=lambda: {"sub": "subject-1", "email": "anna@example.com", "email_verified": True})
    change: Callable[[Claims], Claims] = lambda claims: claims
    """What is wrong with the claims."""
    sign: Callable[[Claims], str] | None = None
    """What is wrong with the signature."""
    token_answer: tuple[int, bytes, dict[str, str]] | None = None
    metadata: Claims = field(default_factory=dict)
    raw: dict[str, Callable[[], Iterable[bytes]]] = field(default_factory=dict)
    """By path: the pieces that are written in place of an answer, status line and all."""
    delay: float = 0
    """Seconds before each answer."""
    asked: list[str] = field(default_factory=list)
    issuer: str = ""
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _server: ThreadingHTTPServer | None = None

    def start(self) -> "OpenIdProvider":
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._answer(self, outer._get)

            def do_POST(self) -> None:
                outer._answer(self, outer._post)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def log_in(self, address: str) -> str:
        """A person consents at the authorization endpoint; the address that their browser is sent back to."""
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.issuer}/authorize"
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert (asked["response_type"], asked["client_id"], asked["code_challenge_method"]) == ("code", CLIENT_ID, "S256")
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe()
        self._codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.issuer})}"

    def public_pem(self) -> bytes:
        return self.key.as_pem(private=False)

    def _answer(self, request: BaseHTTPRequestHandler, usual: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.asked.append(request.path)
        time.sleep(self.delay)
        with suppress(OSError):  # the service has hung up
            if request.path not in self.raw:
                usual(request)
                return
            for piece in self.raw[request.path]():
                request.wfile.write(piece)

    def _get(self, request: BaseHTTPRequestHandler) -> None:
        if request.path == "/.well-known/openid-configuration":
            found = {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                **self.metadata,
            }
        else:
            found = {"keys": [self.key.as_dict(private=False)]}
        _answer(request, 200, json.dumps(found).encode())

    def _post(self, request: BaseHTTPRequestHandler) -> None:
        body = parse_qs(request.rfile.read(int(request.headers["Content-Length"])).decode())
        if self.token_answer is not None:
            _answer(request, *self.token_answer)
            return
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        begun = self._codes.pop(body["code"][0], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(body["code_verifier"][0].encode()).digest()).rstrip(b"=").decode()
        if (
            request.headers["Authorization"] != f"Basic {expected}"
            or begun is None
            or begun["code_challenge"] != challenge
            or begun["redirect_uri"] != body["redirect_uri"][0]
        ):
            _answer(request, 400, b'{"error": "invalid_grant"}')
            return
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": begun["nonce"], **self.person}
        claims = self.change(claims)
        signed = self.sign(claims) if self.sign else jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        _answer(request, 200, json.dumps({"access_token": "a", "token_type": "Bearer", "id_token": signed}).encode())


def signed_with_public_key(provider: OpenIdProvider) -> Callable[[Claims], str]:
    """HS256 with the public key as its shared secret."""

    def sign(claims: Claims) -> str:
        start = unsigned({"alg": "HS256", "kid": "one"}, claims).rpartition(".")[0]
        return unsigned({"alg": "HS256", "kid": "one"}, claims, hmac.digest(provider.public_pem(), start.encode(), "sha256"))

    return sign


def signed_with_other_key(alg: str = "RS256", **header: Any) -> Callable[[Claims], str]:
    """A key that the provider does not have, named or brought along by the token itself."""

    def sign(claims: Claims) -> str:
        key: RSAKey | ECKey = ECKey.generate_key("P-256") if alg == "ES256" else RSAKey.generate_key(2048)
        brought = {"jwk": key.as_dict(private=False)} if header.pop("bring", False) else {}
        return jwt.encode({"alg": alg, "kid": "one", **header, **brought}, claims, key)

    return sign


def _answer(request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
    request.send_response(status)
    for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)
