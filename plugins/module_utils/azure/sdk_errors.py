# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The one place where exceptions and error bodies of Azure become ours."""

from __future__ import annotations

import html
import json
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from ..errors import (
    AzureBackupError,
    BadInput,
    Conflict,
    Denied,
    NotFound,
    OperationFailed,
    SignInFailed,
    Throttled,
    Unavailable,
    UnknownHost,
    Unreachable,
    sentences,
)
from .libraries import load

_BY_STATUS: dict[int, type[AzureBackupError]] = {
    401: Denied,
    403: Denied,
    404: NotFound,
    408: Unavailable,
    409: Conflict,
    429: Throttled,
}

# With these a 404 does not say that the resource is absent: nothing below can be looked up at all.
_NOT_ABSENCE = ("SubscriptionNotFound", "InvalidSubscriptionId", "InvalidResourceNamespace")


def _actions(error: dict[str, Any]) -> str | None:
    """Find the recommendedAction of a backup service's error (recorded: errors/dataprotection-errors.json)."""
    for entry in error.get("additionalInfo") or []:
        info = entry.get("info") if isinstance(entry, dict) else None
        if isinstance(info, dict) and info.get("recommendedAction"):
            return sentences(info["recommendedAction"])
    return sentences(error.get("recommendedAction"))


def _inner_message(error: dict[str, Any]) -> str | None:
    """Find what the service says only inside: which action is missing on which scope."""
    for entry in error.get("additionalInfo") or []:
        info = entry.get("info") if isinstance(entry, dict) else None
        inner = info.get("innerError") if isinstance(info, dict) else None
        extra = inner.get("additionalInfo") if isinstance(inner, dict) else None
        if isinstance(extra, dict) and extra.get("DetailedNonLocalisedMessage"):
            return str(extra["DetailedNonLocalisedMessage"])
    return None


def error_of(body: Any) -> dict[str, Any]:
    """Find the error object in a body: ARM's, the backup service's, or the old ErrorCode shape; {} for none."""
    if not isinstance(body, dict):
        return {}
    error = body.get("error")
    if isinstance(error, dict):
        return error
    if "ErrorCode" in body:
        message = body.get("Message")
        return {"code": body["ErrorCode"], "message": message.get("Value") if isinstance(message, dict) else message}
    if isinstance(error, str):
        return {"code": error, "message": body.get("error_description")}
    return body if "code" in body and "message" in body else {}


def _json(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def failed_operation(body: dict[str, Any], action: str) -> OperationFailed:
    """Build the error of a long-running operation or job whose body says that it failed."""
    error = error_of(body)
    message = without_markup(str(error.get("message") or f"Azure reports the status {body.get('status')} without a message"))
    inner = _inner_message(error)
    if inner and inner not in message:
        message = f"{message} ({inner})"
    return OperationFailed(f"Cannot {action}: {message}", code=error.get("code"), recommended_action=_actions(error))


def _error_of_storage(text: str) -> dict[str, Any]:
    """Find the error in the XML of a storage account, without the lines that only repeat the request; {} for none."""
    found = {name: re.search(rf"<{name}>([^<]*)</{name}>", text) for name in ("Code", "Message", "AuthenticationErrorDetail")}
    told = [match[1].splitlines()[0].strip() for name, match in found.items() if match and match[1].strip() and name != "Code"]
    return {"code": found["Code"][1] if found["Code"] else None, "message": " ".join(told)} if told else {}


_MARKUP = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_LONGEST_FOREIGN_TEXT = 300


def without_markup(text: str) -> str:
    """Give a text that a person can read: the words of a web page, cut; of anything else all but its line breaks."""
    is_page = re.search(r"<!doctype|<html|<body|<head", text, re.IGNORECASE)
    words = " ".join(html.unescape(_MARKUP.sub(" ", text) if is_page else text).split())
    return f"{words[:_LONGEST_FOREIGN_TEXT]}..." if is_page and len(words) > _LONGEST_FOREIGN_TEXT else words


def http_error(status: int, text: str, headers: Any, action: str) -> AzureBackupError:
    """Build the error of an answer with a status of 400 or more."""
    error = error_of(_json(text)) or _error_of_storage(text)
    foreign = without_markup(without_signature(text.strip()))[:_LONGEST_FOREIGN_TEXT]
    message = without_markup(str(error.get("message") or foreign or f"Azure answered {status} without a message"))
    inner = _inner_message(error)
    if inner and inner not in message:
        message = f"{message} ({inner})"
    kind = _BY_STATUS.get(status, Unavailable if status >= 500 else AzureBackupError)
    if error.get("code") in _NOT_ABSENCE:
        kind = AzureBackupError
    return kind(
        f"Cannot {action}: {message}",
        code=str(error.get("code") or (headers or {}).get("x-ms-error-code") or "") or None,
        status=status,
        request_id=(headers or {}).get("x-ms-request-id"),
        recommended_action=_actions(error),
        retry_after=seconds_to_wait(headers),
    )


def seconds_to_wait(headers: Any) -> float | None:
    """Read a Retry-After header, seconds or a date (RFC 9110); None when there is none, or no time that can be waited for.

    Resource Graph has headers of its own instead, also on the answer that used its quota up (Microsoft's guidance for throttled
    requests).
    """
    value = str((headers or {}).get("Retry-After") or "").strip()
    resets_after = re.fullmatch(r"(\d+):(\d+):(\d+)", str((headers or {}).get("x-ms-user-quota-resets-after") or ""))
    if not value and resets_after and str(headers.get("x-ms-user-quota-remaining")) == "0":
        hours, minutes, rest = (int(part) for part in resets_after.groups())
        return min(float(hours * 3600 + minutes * 60 + rest), _LONGEST_PAUSE)
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value, str(headers.get("Date") or "")) if value else math.nan
    return min(seconds, _LONGEST_PAUSE) if math.isfinite(seconds) and seconds >= 0 else None


# Seconds; whoever waits for less ends earlier.
_LONGEST_PAUSE = 86_400.0


def _seconds_until(date: str, now: str) -> float:
    """Give the seconds from a Date header to another date, not a number where that is none."""
    try:
        return max(0.0, (parsedate_to_datetime(date) - parsedate_to_datetime(now)).total_seconds())
    except (TypeError, ValueError):
        return math.nan


def _chain(error: BaseException) -> list[BaseException]:
    """Give an error and everything that led to it."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and not any(one is known for known in found):
            found.append(one)
            inner = (getattr(one, "reason", None), getattr(one, "inner_exception", None))
            waiting += [one.__cause__, one.__context__, *inner, *one.args]
    return found


def _causes(error: BaseException) -> set[str]:
    """Give the names of the types of an error and of everything that led to it."""
    return {type(one).__name__ for one in _chain(error)}


# After any of these nothing was sent. Any other TLS error may have come after the request was received.
_NEVER_SENT = {"NewConnectionError", "ConnectTimeoutError", "ConnectTimeout", "NameResolutionError", "SSLCertVerificationError"}


def was_never_sent(error: BaseException) -> bool:
    """Tell of a connection error whether the request surely has not reached anybody."""
    return bool(_causes(error) & _NEVER_SENT)


def _connection_error(error: BaseException, action: str) -> Unavailable:
    """Build the error of a connection that failed, telling whether anything was sent on it."""
    kind: type[Unavailable] = Unreachable if was_never_sent(error) else Unavailable
    if "NameResolutionError" in _causes(error):
        kind = UnknownHost
    return kind(f"Cannot {action}: {_where(error)}{_reason(error)}")


def _url_of(error: BaseException) -> str | None:
    """Give the URL that a connection error is about, where the library says it."""
    for one in _chain(error):
        request = getattr(one, "request", None)
        if getattr(request, "url", None):
            return str(request.url)  # type: ignore[union-attr]
    return None


def _where(error: BaseException) -> str:
    """Name the host that was to be reached, and the proxy on the way to it, never who signs in there."""
    url = _url_of(error)
    host = urlsplit(url).netloc.rpartition("@")[2] if url else ""
    named = f"{host}: " if host else ""
    proxy = _proxy_for(url) if url else None
    return f"{named}through the proxy {proxy}: " if proxy else named


def _proxy_for(url: str) -> str | None:
    """Give host and port of the proxy that the environment names for a URL, with the variable that does."""
    adapters = load("requests").utils
    given = adapters.get_environ_proxies(url).get(urlsplit(url).scheme)
    if not given:
        return None
    variable = next((name for name in _PROXY_VARIABLES if os.environ.get(name) == given), "the environment")
    # Whatever stands before the last @ signs in; what cannot be read as a URL is not shown at all.
    place = re.sub(r"^\w+://", "", given).rpartition("@")[2]
    return f"{place} ({variable})" if re.fullmatch(r"[\w.-]+(:\d+)?/?", place) else f"of {variable}"


_PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def _reason(error: BaseException) -> str:
    """Give the innermost cause of a connection error, which is the part a person understands."""
    text = str(error)
    if "Failed to parse" in text or "InvalidProxyURL" in _causes(error):
        # The library quotes what may be a part of a password.
        return "it is not a URL such as http://proxy.example:3128; encode special characters in its user and password"
    if "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text:
        return (
            "the server's TLS certificate is not trusted (certificate verify failed); set REQUESTS_CA_BUNDLE to "
            "a file with its certificate authority"
        )
    if "NameResolutionError" in _causes(error):
        return "the name of the host is not known (name resolution failed)"
    for known in ("Connection refused", "timed out", "Connection reset"):
        if known.lower() in text.lower():
            return known.lower()
    return without_signature(text.rsplit("Caused by ", maxsplit=1)[-1])[:300]


def without_signature(text: str) -> str:
    """Leave the signature of a SAS token out of a text, such as a URL."""
    return re.sub(r"sig=[^&\s'\"<>]+", "sig=***", text)


# How Entra ID and the libraries before it say that they are busy.
_PASSING = re.compile(r"HTTP Error: (5\d\d|429)|AADSTS(90033|90055)|temporarily_unavailable")


def _sign_in_error(error: Any, action: str) -> AzureBackupError:
    """Tell apart who refused: Entra ID, Resource Manager, or the way to Entra ID, which says nothing of the credentials.

    What fails before there is a token was never sent, and passes.
    """
    response = error.response
    if response is None:
        is_way = _causes(error) & (_NEVER_SENT | {"ServiceRequestError", "ServiceResponseError"})
        if is_way or _PASSING.search(str(error.message)):
            kind = UnknownHost if "NameResolutionError" in _causes(error) else Unreachable
            return kind(f"Cannot {action}: sign in: {_where(error)}{_reason(error)}")
    elif response.status_code >= 500 or response.status_code == 429:
        told = http_error(response.status_code, response.text(), response.headers, f"{action}: sign in")
        return Unreachable(told.message, code=told.code, status=told.status, retry_after=told.retry_after)
    elif isinstance(_json(response.text()).get("error"), dict):
        # Resource Manager refused the token; Entra ID's own errors are a string.
        return http_error(response.status_code, response.text(), response.headers, action)
    message = str(error.message).split("Trace ID", maxsplit=1)[0].strip()
    status = getattr(response, "status_code", None)
    return SignInFailed(f"Cannot {action}: signing in failed: {message}", status=status)


@contextmanager
def translated(action: str) -> Iterator[None]:
    """Turn whatever azure-core and azure-identity raise inside into an AzureBackupError.

    action: what is being done, to head the message: "read vault 'x'".
    """
    exceptions = load("azure.core.exceptions")
    try:
        yield
    except Throttled as error:
        raise error.about(action) from error.__cause__
    except exceptions.ClientAuthenticationError as error:
        raise _sign_in_error(error, action) from error
    except exceptions.HttpResponseError as error:
        response = error.response
        if response is None:
            raise Unavailable(f"Cannot {action}: {_reason(error)}") from error
        if isinstance(error, exceptions.DecodeError) and response.status_code < 400:
            raise Unavailable(f"Cannot {action}: the response is not JSON") from error
        raise http_error(response.status_code, response.text(), response.headers, action) from error
    except exceptions.ServiceRequestError as error:
        raise _connection_error(error, action) from error
    except exceptions.ServiceResponseError as error:
        raise Unavailable(f"Cannot {action}: Azure's response did not arrive: {_where(error)}{_reason(error)}") from error
    except (json.JSONDecodeError, RecursionError) as error:
        reason = "nested too deeply to parse" if isinstance(error, RecursionError) else "not JSON"
        raise Unavailable(f"Cannot {action}: the response is {reason}") from error
    except exceptions.AzureError as error:
        raise Unavailable(f"Cannot {action}: {_reason(error)}") from error
    except OSError as error:
        # Not a connection's error, those are azure-core's: such as a REQUESTS_CA_BUNDLE that is not there.
        raise Unreachable(f"Cannot {action}: {error}") from error
    except UnicodeEncodeError as error:
        raise BadInput(f"Cannot {action}: {error.reason} in '{error.object!r}'") from error
