"""A judge behind an OpenAI-compatible endpoint: a hosted model, or vLLM, SGLang, llama.cpp or Ollama on a machine.

Written as one address, since that is all there is to say:

    https://host/v1?model=NAME&per_minute=60&dollars_in=2.5&dollars_out=10

`dollars_in` and `dollars_out` are prices of a million tokens. The key, where one is needed, comes from
`KEEPFRAME_JUDGE_KEY` or `OPENAI_API_KEY` and is in no address and no log. Where the provider moves a model under one
name, add `&version=…`: it is part of the judge's name.
"""

import base64
import json
import os
import time
import urllib.request
from http.client import HTTPException
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

_OPTIONS = ("model", "version", "per_minute", "dollars_in", "dollars_out", "max_tokens")


class Endpoint:
    """Asks `POST …/chat/completions` with the pictures as data addresses, at temperature 0.

    Raises UsageError for an address without a model or with options that do not exist.

    >>> Endpoint("http://localhost:8000/v1?model=qwen2.5-vl-7b").name
    'endpoint localhost:8000/v1 qwen2.5-vl-7b max_tokens=512'
    """

    def __init__(self, address: str, first_wait_s: float = 1.0) -> None:
        parts = urlsplit(address)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        for name in options:
            if name not in _OPTIONS:
                raise UsageError(f"A judge's address has no option {name!r}.", did_you_mean(name, _OPTIONS))
        if not options.get("model"):
            raise UsageError(f"{address} names no model.", f"Write {urlunsplit((*parts[:3], 'model=NAME', ''))}")
        try:
            self._pause_s = 60.0 / float(options["per_minute"]) if "per_minute" in options else 0.0
            self._prices = tuple(float(options.get(name, 0)) / 1e6 for name in ("dollars_in", "dollars_out"))
            self._max_tokens = int(options.get("max_tokens", 512))
        except (ValueError, ZeroDivisionError) as error:
            raise UsageError(f"{address} cannot be read: {error}.", "per_minute, dollars_in, … are numbers.") from error
        self._url = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") + "/chat/completions", "", ""))
        self._model = options["model"]
        self._first_wait_s = first_wait_s
        self._next_at = 0.0
        self._away = False
        version = f" {options['version']}" if "version" in options else ""
        host = parts.netloc.rpartition("@")[2]  # no password gets into an address
        self.name = f"endpoint {host}{parts.path.rstrip('/')} {self._model}{version} max_tokens={self._max_tokens}"

    def available(self) -> str | None:
        return None  # whether it answers is known when it is asked

    def ask(self, inquiry: Inquiry) -> Reply:
        """Tries five times when the server is busy or away, waiting longer each time or as long as it says. Once that
        was in vain, later questions get one try each until one is answered: a server that is gone for good must not
        cost a long run 15 seconds a question.

        Raises UnavailableError when no answer came, or none that can be read.
        """
        body = json.dumps(self._body(inquiry)).encode()
        wait_s = self._first_wait_s
        for left in reversed(range(1 if self._away else TRIES)):
            self._keep_rate()
            try:
                reply = self._read(self._post(body))
                self._away = False
                return reply
            except (OSError, HTTPException, ValueError) as error:
                status = error.code if isinstance(error, HTTPError) else None
                if left == 0 or (status is not None and status not in BUSY):
                    self._away = status is None or status in BUSY
                    raise UnavailableError(
                        f"The judge at {self._url} gave no answer: {_reason(error)}.", _mend(error, status)
                    ) from error
                time.sleep(min(LONGEST_WAIT_S, _asked_to_wait_s(error) or wait_s))
                wait_s *= 2
        raise AssertionError("the last try returns or raises")

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
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            said = response.read()
        try:
            return json.loads(said)
        except ValueError as error:
            raise ValueError(f"what it sent is no JSON, but {said[:60]!r}") from error

    def _read(self, data: Any) -> Reply:
        try:
            text = data["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError) as error:
            raise ValueError(f"the answer has no text: {str(data)[:200]}") from error
        if not isinstance(text, str) or not text.strip():
            raise ValueError("the answer is empty")
        used = data.get("usage") or {}
        tokens = int(used.get("prompt_tokens") or 0), int(used.get("completion_tokens") or 0)
        dollars = sum(count * price for count, price in zip(tokens, self._prices, strict=True))
        return Reply(text.strip(), *tokens, dollars)

    def _keep_rate(self) -> None:
        now = time.monotonic()
        if now < self._next_at:
            time.sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + self._pause_s


def _asked_to_wait_s(error: Exception) -> float | None:
    """The seconds of a Retry-After header, where the server sent one."""
    said = error.headers.get("Retry-After", "") if isinstance(error, HTTPError) and error.headers else ""
    return float(said) if said.replace(".", "", 1).isdigit() else None


def _reason(error: Exception) -> object:
    if isinstance(error, HTTPError):
        return f"{error.code} {error.reason}"
    return getattr(error, "reason", None) or error


def _mend(error: Exception, status: int | None) -> str:
    if status in (401, 403):
        return f"Set {KEY_VARIABLES[0]} to the key of this endpoint."
    if status in (400, 404, 422) or isinstance(error, ValueError):
        return "Look at the address, the model's name, and whether it takes pictures."
    return "Start the server, then run the same command with --retry: what was answered is kept."
