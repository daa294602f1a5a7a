"""Headers that every answer of a server carries, whoever makes the answer: the board's, and the rater's page's."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class SecurityHeaders:
    """ASGI middleware that sets `headers` on every answer; names are lower case."""

    def __init__(
        self, app: Callable[[Message, Receive, Send], Awaitable[None]], headers: Mapping[bytes, bytes]
    ) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message["headers"] if name.lower() not in self._headers]
                message = {**message, "headers": [*kept, *self._headers.items()]}
            await send(message)

        await self._app(scope, receive, send_with_headers)
