"""An OpenID Connect provider as seen by a client: discovery, keys, the code flow with PKCE (S256), and ID tokens.

Imported by the single sign-on page alone: its libraries are heavy. Everything that the provider sends is bounded and checked; whatever is
wrong with it raises ProviderError, whose reason is one of our own words and goes into the audit log.
"""

import time
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey
from requests.adapters import BaseAdapter

from chalicelib.domain.strict_json import parse
from chalicelib.providers.base import Connections
from chalicelib.providers.transport import NoAnswerError, SocketAdapter

ALGORITHMS = ("RS256", "PS256", "ES256")
"""Signatures that an ID token may have. Never `none`, and none with a shared secret: a public key would pass for one."""
_LEEWAY_SECONDS = 60
_OLDEST_SECONDS = 600
_MOST = 256 * 1024  # bytes of JSON
_DEADLINE_SECONDS = 10.0
"""For all calls of one request of the browser together (there are three at most): API Gateway waits for 29 seconds."""
_KEPT_SECONDS = 3600.0
_AGAIN_SECONDS = 60.0
_KEYS = 50
_SCOPE = "openid email profile"


class ProviderError(Exception):
    """The provider cannot be reached, or what it sent is not what it has to be. `reason` holds nothing that it sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Client:
    """How this service is registered."""

    issuer: str
    client_id: str
    client_secret: str
    only_https: bool


@dataclass(frozen=True, slots=True)
class Begun:
    """What the browser has to bring back unchanged."""

    state: str
    nonce: str
    verifier: str


@dataclass(slots=True)
class _Kept:
    metadata: dict[str, Any] = field(default_factory=dict)
    metadata_until: float = 0
    keys: list[dict[str, Any]] = field(default_factory=list)
    keys_from: float = float("-inf")


class _Adapter(BaseAdapter):
    """Answers of a bounded size until `ends`, over the sockets that messages are sent with; no redirects."""

    def __init__(self, ends: float) -> None:
        super().__init__()
        self._ends = ends

    def send(self, request: requests.PreparedRequest, *_: Any, **_options: Any) -> requests.Response:
        body = request.body or b""
        request.body = body.encode() if isinstance(body, str) else body
        request.headers["Accept-Encoding"] = "identity"
        connections = Connections(threads=1, deadline=self._ends - time.monotonic(), idle_seconds=0)
        try:
            answer = SocketAdapter(str(request.url), connections).send(request)
        except NoAnswerError as error:
            raise ProviderError("too_slow" if time.monotonic() >= self._ends else "unreachable") from error
        if HTTPStatus.MULTIPLE_CHOICES <= answer.status_code < HTTPStatus.BAD_REQUEST:
            raise ProviderError("unexpected_answer")
        return answer

    def close(self) -> None:
        """No connection outlives its call."""


class Provider:
    """One provider. Its metadata and keys are kept for an hour; a token with an unknown key asks for keys once a minute at most."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kept = _Kept()

    def authorization_url(self, redirect_uri: str, begun: Begun) -> str:
        """Return where the browser is sent to log in. Raises ProviderError."""
        endpoint = self._endpoint("authorization_endpoint", _ends())
        with self._session(redirect_uri, _ends()) as session:
            url, _ = session.create_authorization_url(
                endpoint, state=begun.state, code_verifier=begun.verifier, nonce=begun.nonce
            )
        return str(url)

    def claims(self, answer: Mapping[str, str], redirect_uri: str, begun: Begun) -> dict[str, Any]:
        """Return the validated claims of the person with whom the browser came back. Raises ProviderError."""
        ends = _ends()
        metadata = self._metadata(ends)
        # RFC 9207: the answer of another provider is not exchanged at this one (mix-up).
        sent_by = answer.get("iss")
        required = metadata.get("authorization_response_iss_parameter_supported") is True
        if (sent_by is None and required) or (sent_by is not None and sent_by != self._client.issuer):
            raise ProviderError("wrong_issuer")
        if answer.get("error"):
            raise ProviderError("refused_by_provider")
        if not answer.get("code"):
            raise ProviderError("no_code")
        with self._session(redirect_uri, ends) as session:
            try:
                token = session.fetch_token(
                    self._endpoint("token_endpoint", ends),
                    code=answer["code"],
                    code_verifier=begun.verifier,
                    grant_type="authorization_code",
                )
            except ProviderError:
                raise
            except Exception as error:
                raise ProviderError("code_not_accepted") from error
        id_token = token.get("id_token")
        if not isinstance(id_token, str):
            raise ProviderError("no_id_token")
        return self._validated(id_token, begun.nonce, str(token.get("access_token") or ""), ends)

    def _validated(self, id_token: str, nonce: str, access_token: str, ends: float) -> dict[str, Any]:
        """Return the claims of an ID token that is ours, of this login and valid now. Raises ProviderError."""
        try:
            header = jws.extract_compact(id_token.encode("ascii")).headers()
            for part in id_token.split(".")[:2]:  # the libraries take the last of two claims of one name
                parse(urlsafe_b64decode(part + "=" * (-len(part) % 4)), _MOST)
        except Exception as error:
            raise ProviderError("malformed_token") from error
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise ProviderError("algorithm")
        key = self._key(algorithm, header.get("kid"), ends)
        try:
            token = jwt.decode(id_token, key, algorithms=[algorithm])
        except Exception as error:
            raise ProviderError("signature") from error
        self._require_claims(token, nonce, access_token)
        return dict(token.claims)

    def _require_claims(self, token: jwt.Token, nonce: str, access_token: str) -> None:
        options: Any = {
            "iss": {"essential": True, "value": self._client.issuer},
            "aud": {"essential": True, "value": self._client.client_id},
            "nonce": {"essential": True, "value": nonce},
        }
        params = {"nonce": nonce, "client_id": self._client.client_id, "access_token": access_token}
        claims = CodeIDToken(token.claims, token.header, options, params)
        try:
            now = int(time.time())
            claims.validate(now=now, leeway=_LEEWAY_SECONDS)
            # Beyond what the library checks: types, one audience unless it says who it was made for, and age.
            subject, audience = claims["sub"], claims["aud"]
            moments = [claims[name] for name in ("exp", "iat")]
            fits = (
                isinstance(subject, str)
                and 0 < len(subject) <= 255
                and "\0" not in subject
                and claims["iss"] == self._client.issuer
                and claims["nonce"] == nonce
                and (audience == self._client.client_id or audience == [self._client.client_id] or claims.get("azp") is not None)
                and all(isinstance(each, int | float) and not isinstance(each, bool) for each in moments)
                and now - _OLDEST_SECONDS <= claims["iat"] <= now + _LEEWAY_SECONDS
            )
        except Exception as error:
            raise ProviderError(_reason(error)) from error
        if not fits:
            raise ProviderError("claims")

    def _key(self, algorithm: str, kid: Any, ends: float) -> RSAKey | ECKey:
        for again in (False, True):
            keys = self._keys(ends, again=again)
            fitting = [key for key in keys if _fits(key, algorithm) and (kid is None or key.get("kid") == kid)]
            if len(fitting) == 1:
                try:
                    kind = ECKey if algorithm == "ES256" else RSAKey
                    return kind.import_key(fitting[0])
                except Exception as error:
                    raise ProviderError("keys") from error
        raise ProviderError("unknown_key")

    def _keys(self, ends: float, *, again: bool) -> list[dict[str, Any]]:
        age = time.monotonic() - self._kept.keys_from
        if age > (_AGAIN_SECONDS if again else _KEPT_SECONDS):
            found = self._fetched(self._endpoint("jwks_uri", ends), ends).get("keys")
            if not isinstance(found, list) or len(found) > _KEYS:
                raise ProviderError("keys")
            self._kept.keys = [key for key in found if isinstance(key, dict)]
            self._kept.keys_from = time.monotonic()
        return self._kept.keys

    def _metadata(self, ends: float) -> dict[str, Any]:
        if time.monotonic() >= self._kept.metadata_until:
            found = self._fetched(self._client.issuer.rstrip("/") + "/.well-known/openid-configuration", ends)
            if found.get("issuer") != self._client.issuer:
                raise ProviderError("discovery")
            self._kept.metadata, self._kept.metadata_until = found, time.monotonic() + _KEPT_SECONDS
        return self._kept.metadata

    def _endpoint(self, name: str, ends: float) -> str:
        address = self._metadata(ends).get(name)
        try:
            parts = urlsplit(address if isinstance(address, str) else "")
            right = parts.scheme == "https" or (parts.scheme == "http" and not self._client.only_https)
        except ValueError:
            right = False
        if not right or not parts.hostname or parts.username is not None or parts.fragment:
            raise ProviderError("discovery")
        return str(address)

    def _fetched(self, address: str, ends: float) -> dict[str, Any]:
        with self._session("", ends) as session:
            try:
                answer = session.request("GET", address, withhold_token=True)
                found = parse(answer.content, _MOST) if answer.status_code == HTTPStatus.OK else None
            except ProviderError:
                raise
            except Exception as error:  # deep JSON, and addresses that the library refuses
                raise ProviderError("unreachable") from error
        if not isinstance(found, dict):
            raise ProviderError("discovery")
        return found

    def _session(self, redirect_uri: str, ends: float) -> OAuth2Session:
        secret = self._client.client_secret
        methods = self._kept.metadata.get("token_endpoint_auth_methods_supported")
        in_body = isinstance(methods, list) and "client_secret_basic" not in methods and "client_secret_post" in methods
        session = OAuth2Session(
            self._client.client_id,
            secret or None,
            token_endpoint_auth_method=("client_secret_post" if in_body else "client_secret_basic") if secret else "none",
            scope=_SCOPE,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )
        session.register_compliance_hook("access_token_response", _strict)
        session.trust_env = False  # no proxy, no .netrc
        for scheme in ("https://", "http://"):
            session.mount(scheme, _Adapter(ends))
        return session


def _ends() -> float:
    return time.monotonic() + _DEADLINE_SECONDS


def _strict(answer: requests.Response) -> requests.Response:
    """An answer with tokens that has one meaning. Raises JsonError."""
    parse(answer.content, _MOST)
    return answer


def _fits(key: Mapping[str, Any], algorithm: str) -> bool:
    kind = ("EC", "P-256") if algorithm == "ES256" else ("RSA", None)
    return (key.get("kty"), key.get("crv")) == kind and key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm


def _reason(error: Exception) -> str:
    claim = getattr(error, "claim", None)
    if type(error).__name__ == "ExpiredTokenError":
        return "expired"
    return f"claim_{claim}" if claim in ("iss", "sub", "aud", "exp", "iat", "nbf", "nonce", "azp", "at_hash", "amr") else "claims"
