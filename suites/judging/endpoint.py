"""A judge behind an OpenAI-compatible endpoint: a hosted model, or vLLM, SGLang, llama.cpp or Ollama on a machine.

Written as one address, since that is all there is to say:

    https://host/v1?model=NAME&per_minute=60&dollars_in=2.5&dollars_out=10

`dollars_in` and `dollars_out` are prices of a million tokens; `timeout_s` is how long one answer may take (180 s),
`max_tokens` how long it may be (512). The key, where one is needed, comes from `KEEPFRAME_JUDGE_KEY` or
`OPENAI_API_KEY`, is in no address and no log, and goes to this address only: redirections are not followed. Where the
provider moves a model under one name, add `&version=…`: it is part of the judge's name.
"""

import base64
import json
import os
import time
import urllib.request
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException, IncompleteRead
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit, urlunsplit

from bench.errors import UnavailableError, UsageError, did_you_mean
from suites.judging.protocol import Inquiry, Reply

KEY_VARIABLES = ("KEEPFRAME_JUDGE_KEY", "OPENAI_API_KEY")
TRIES = 5
BUSY = (408, 409, 429, 500, 502, 503, 504, 529)  # worth another try
LONGEST_WAIT_S = 60.0
TIMEOUT_S = 180.0
PATIENCE = 3  # questions in a row in vain, after which nothing is asked for REST_S
REST_S = 60.0

_OPTIONS = ("model", "version", "per_minute", "dollars_in", "dollars_out", "max_tokens", "timeout_s")


class _StayHere(urllib.request.HTTPRedirectHandler):
    """The key is for one address, and a question that is sent on arrives without its pictures."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_StayHere)


class Endpoint:
    """Asks `POST …/chat/completions` with the pictures as data addresses, at temperature 0.

    `at_once` processes ask it at the same time: each keeps to its part of `per_minute`.

    Raises UsageError for an address without a model or with options that do not exist.

    >>> Endpoint("http://localhost:8000/v1?model=qwen2.5-vl-7b").name
    'endpoint localhost:8000/v1 qwen2.5-vl-7b max_tokens=512'
    """

    def __init__(self, address: str, first_wait_s: float = 1.0, at_once: int = 1) -> None:
        parts = urlsplit(address)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        for name in options:
            if name not in _OPTIONS:
                raise UsageError(f"A judge's address has no option {name!r}.", did_you_mean(name, _OPTIONS))
        if not options.get("model"):
            raise UsageError(f"{address} names no model.", f"Write {urlunsplit((*parts[:3], 'model=NAME', ''))}")
        try:
            self._pause_s = 60.0 * at_once / float(options["per_minute"]) if "per_minute" in options else 0.0
            self._prices = tuple(float(options.get(name, 0)) / 1e6 for name in ("dollars_in", "dollars_out"))
            self._max_tokens = int(options.get("max_tokens", 512))
            self._timeout_s = float(options.get("timeout_s", TIMEOUT_S))
            if self._pause_s < 0 or self._max_tokens < 1 or not self._timeout_s > 0:
                raise ValueError("a number is not above 0")
        except (ValueError, ZeroDivisionError) as error:
            raise UsageError(f"{address} cannot be read: {error}.", "per_minute, dollars_in, … are numbers.") from error
        self._url = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") + "/chat/completions", "", ""))
        self._model = options["model"]
        self._first_wait_s = first_wait_s
        self._next_at = 0.0
        self._in_vain = 0  # questions in a row
        self._rest_until = 0.0
        version = f" {options['version']}" if "version" in options else ""
        host = parts.netloc.rpartition("@")[2]  # no password gets into an address
        self.name = f"endpoint {host}{parts.path.rstrip('/')} {self._model}{version} max_tokens={self._max_tokens}"

    def available(self) -> str | None:
        return None  # whether it answers is known when it is asked

    def ask(self, inquiry: Inquiry) -> Reply:
        """Tries five times when the server is busy or away, waiting longer each time or as long as it says, and twice
        when an answer took too long. Once that was in vain, later questions get one try each until one is answered,
        and after three in a row there is a rest of a minute in which nothing is asked: a server that is gone, or
        hangs, must not cost a long run minutes a question. The text may be empty.

        Raises UnavailableError when no answer came, or none that can be read.
        """
        if time.monotonic() < self._rest_until:
            raise UnavailableError(
                f"The judge at {self._url} gave no answer to {self._in_vain} questions in a row, so it was not asked.",
                _RETRY,
            )
        body = json.dumps(self._body(inquiry)).encode()
        wait_s = self._first_wait_s
        for tried in range(1, TRIES + 1):
            self._keep_rate()
            try:
                reply = self._read(self._post(body))
                self._in_vain = 0
                return reply
            except (OSError, HTTPException, ValueError) as error:
                asked_s = _asked_to_wait_s(error)
                if self._ends(error, tried, asked_s or 0.0):
                    raise UnavailableError(
                        f"The judge at {self._url} gave no answer: {_reason(error, asked_s)}.", _mend(error)
                    ) from error
                time.sleep(asked_s or wait_s)
                wait_s *= 2
        raise AssertionError("the last try returns or raises")

    def _ends(self, error: Exception, tried: int, asked_s: float) -> bool:
        """Whether this try was the last, and what that says of the server."""
        busy = not isinstance(error, HTTPError) or error.code in BUSY
        most = 1 if self._in_vain or asked_s > LONGEST_WAIT_S else 2 if _late(error) else TRIES
        if busy and tried < most:
            return False
        self._in_vain = self._in_vain + 1 if busy else 0
        if self._in_vain >= PATIENCE:
            self._rest_until = time.monotonic() + REST_S
        return True

    def _body(self, inquiry: Inquiry) -> dict[str, Any]:
        content: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{base64.b64encode(one).decode()}"}}
            for one in inquiry.pictures
        ]
        content.append({"type": "text", "text": inquiry.text})
        return {
            "model": self._model,
            "temperature": 0,
            "seed": 0,
            "max_tokens": self._max_tokens,
            "messages": [{"role": "user", "content": content if inquiry.pictures else inquiry.text}],
        }

    def _post(self, body: bytes) -> Any:
        headers = {"Content-Type": "application/json"}
        key = next((os.environ[name] for name in KEY_VARIABLES if os.environ.get(name)), None)
        if key:
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self._url, data=body, headers=headers)
        end = time.monotonic() + self._timeout_s
        said = bytearray()
        with _OPENER.open(request, timeout=self._timeout_s) as response:
            while part := response.read1():
                said += part
                if time.monotonic() > end:  # each part came in time, the answer did not
                    raise TimeoutError
            if response.length:
                raise IncompleteRead(bytes(said), response.length)
        try:
            return json.loads(said)
        except ValueError as error:
            raise ValueError(f"what it sent is no JSON, but {bytes(said[:60])!r}") from error

    def _read(self, data: Any) -> Reply:
        try:
            text = data["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError) as error:
            raise ValueError(f"the answer has no text: {str(data)[:200]}") from error
        if isinstance(text, list):  # in parts, as questions are
            text = "".join(str(part.get("text", "")) for part in text if isinstance(part, dict))
        used = data.get("usage")
        tokens = _count(used, "prompt_tokens"), _count(used, "completion_tokens")
        dollars = sum(count * price for count, price in zip(tokens, self._prices, strict=True))
        return Reply(str(text or "").strip(), *tokens, dollars, str(data.get("model") or ""))

    def _keep_rate(self) -> None:
        now = time.monotonic()
        if now < self._next_at:
            time.sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + self._pause_s


def _count(used: Any, name: str) -> int:
    """Tokens as the server counts them; 0 where it does not say."""
    count = used.get(name) if isinstance(used, dict) else None
    return count if isinstance(count, int) and count > 0 else 0


def _asked_to_wait_s(error: Exception) -> float | None:
    """The seconds of a Retry-After header, which may also name a moment, where the server sent one."""
    said = error.headers.get("Retry-After", "") if isinstance(error, HTTPError) and error.headers else ""
    if said.replace(".", "", 1).isdigit():
        return float(said)
    try:
        moment = parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _late(error: Exception) -> bool:
    return isinstance(getattr(error, "reason", error), TimeoutError)


def _reason(error: Exception, asked_s: float | None) -> object:
    if isinstance(error, HTTPError):
        wait = f", and asks to wait {asked_s:.0f} s" if asked_s and asked_s > LONGEST_WAIT_S else ""
        elsewhere = f", to {error.headers.get('Location')}" if 300 <= error.code < 400 else ""
        return f"{error.code} {error.reason}{elsewhere}{wait}{_told(error)}"
    if _late(error):
        return "it took too long"
    if isinstance(error, IncompleteRead):
        return f"the connection broke off after {len(error.partial)} bytes"
    return getattr(error, "reason", None) or error


def _told(error: HTTPError) -> str:
    """What the server says about it, in one line: which model it does not know, say."""
    try:
        said: Any = error.read(2000).decode(errors="replace")
    except (OSError, HTTPException):
        return ""
    try:
        data = json.loads(said)
        said = data["error"]["message"] if isinstance(data["error"], dict) else data["error"]
    except (ValueError, KeyError, TypeError):  # another form: as it is
        pass
    line = " ".join(str(said).split())[:200]
    return f" ({line})" if line else ""


_RETRY = "Start the server, then run the same command with --retry: what was answered is kept."


def _mend(error: Exception) -> str:
    status = error.code if isinstance(error, HTTPError) else None
    if status in (401, 403):
        return f"Set {KEY_VARIABLES[0]} to the key of this endpoint."
    if status == 429:
        return "Ask less often (&per_minute=30), then run it again with --retry: what was answered is kept."
    if _late(error):
        return "Give it more time (&timeout_s=600), then run it again with --retry: what was answered is kept."
    if status is not None and 300 <= status < 400:
        return "Write the address that it names."
    if status in (400, 404, 422) or isinstance(error, ValueError):
        return "Look at the address, the model's name, and whether it takes pictures."
    return _RETRY
