"""Rate limits that remember nobody: buckets in memory, under a key that is thrown away with the process.

Networks are told apart by a keyed hash of the first part of the address (IPv4 /24, IPv6 /48), never stored anywhere.
"""

import hashlib
import ipaddress
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache

MOST_BUCKETS = 20_000


@dataclass(frozen=True)
class Rate:
    """`per_s` requests a second in the long run, `burst` at once."""

    per_s: float
    burst: float


@dataclass(frozen=True)
class Limits:
    """What one rater and one network may ask for. A network may be a whole university."""

    rater: Rate = Rate(20, 120)
    network: Rate = Rate(200, 2000)
    invitations: Rate = Rate(1, 60)  # a network's


class Buckets:
    """Token buckets by name; the ones not used for longest are forgotten."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()  # name -> (tokens, when)

    def wait_s(self, name: str, rate: Rate, now_s: float | None = None) -> float:
        """Take a token: 0 if there was one, else the seconds until there is.

        >>> buckets = Buckets()
        >>> [round(buckets.wait_s("a", Rate(2, 1), now_s=at), 2) for at in (0.0, 0.0, 0.5)]
        [0.0, 0.5, 0.0]
        """
        now_s = time.monotonic() if now_s is None else now_s
        tokens, then_s = self._held.pop(name, (rate.burst, now_s))
        tokens = min(rate.burst, tokens + (now_s - then_s) * rate.per_s)
        wait_s = 0.0 if tokens >= 1 else (1 - tokens) / rate.per_s
        self._held[name] = (tokens - 1 if not wait_s else tokens, now_s)
        if len(self._held) > MOST_BUCKETS:
            self._held.popitem(last=False)
        return wait_s


class Networks:
    """Names for networks that mean nothing outside this process: the same for all addresses of a network.

    >>> networks = Networks()
    >>> networks.name("192.0.2.1") == networks.name("192.0.2.77") != networks.name("198.51.100.1")
    True
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)
        self.name = lru_cache(4096)(self._name)

    def _name(self, address: str) -> str:
        try:
            parsed = ipaddress.ip_address(address)
            prefix = 24 if parsed.version == 4 else 48
            network = str(ipaddress.ip_network((parsed, prefix), strict=False))
        except ValueError:
            network = "unknown"
        return hashlib.blake2b(network.encode(), key=self._key, digest_size=8).hexdigest()
