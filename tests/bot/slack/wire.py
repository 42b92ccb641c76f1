"""
What `FakeSlack` speaks: HTTP for its Web API, and RFC 6455 for its WebSocket.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from tests.fakes import FakeSlack

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10

_WEBSOCKET_KEY = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Handler(BaseHTTPRequestHandler):
    slack: FakeSlack
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        is_json = "json" in (self.headers["Content-Type"] or "")
        arguments = json.loads(body or "{}") if is_json else dict(parse_qsl(body))
        for name in ("blocks", "metadata", "view"):
            if isinstance(arguments.get(name), str):
                arguments[name] = json.loads(arguments[name])
        if self.path.startswith("/response/"):
            self.slack.responses.append(arguments)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")
            return
        token = arguments.pop("token", "") or (self.headers["Authorization"] or "").removeprefix("Bearer ")
        reply = self.slack.answer(self.path.removeprefix("/api/"), arguments, token)
        self.close_connection = True
        if reply is None:
            return
        status, headers, result = reply
        content = json.dumps(result).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            **headers,
        }.items():
            self.send_header(name, value)
        with contextlib.suppress(OSError):  # who called may have lost patience
            self.end_headers()
            self.wfile.write(content)

    def do_GET(self) -> None:
        """The WebSocket side: shake hands, say hello, then read until one of us goes."""
        digest = hashlib.sha1((self.headers["Sec-WebSocket-Key"] + _WEBSOCKET_KEY).encode()).digest()  # noqa: S324
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(digest).decode())
        self.end_headers()
        self.close_connection = True
        link = Link(self)
        link.send(TEXT, b'{"type": "hello", "num_connections": 1}')
        self.slack.links.append(link)
        try:
            for opcode, data in link.frames():
                if opcode == PING and not self.slack.deaf:
                    link.send(PONG, data)
                elif opcode == TEXT:
                    said = json.loads(data)
                    if said.get("payload"):
                        self.slack.replies[said["envelope_id"]] = said["payload"]
                    self.slack.acknowledged[said["envelope_id"]].set()
                elif opcode == CLOSE:
                    return
        finally:
            self.slack.links.remove(link)

    def log_message(self, *_: object) -> None:
        """Tests speak through their assertions."""


class Link:
    """The server's end of one WebSocket: whole frames only, which is all that Slack's client sends."""

    def __init__(self, handler: Handler) -> None:
        self._connection, self._reader = handler.connection, handler.rfile
        self._lock = threading.Lock()

    def send(self, opcode: int, data: bytes) -> None:
        size = bytes([len(data)]) if len(data) < 126 else struct.pack("!BH", 126, len(data))
        with self._lock, contextlib.suppress(OSError):
            self._connection.sendall(bytes([0x80 | opcode]) + size + data)

    def frames(self) -> Iterator[tuple[int, bytes]]:
        with contextlib.suppress(OSError):
            while len(head := self._reader.read(2)) == 2:
                size = head[1] & 0x7F
                if size >= 126:
                    size = int.from_bytes(self._reader.read(2 if size == 126 else 8), "big")
                mask = self._reader.read(4)
                data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self._reader.read(size)))
                yield head[0] & 0x0F, data

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
