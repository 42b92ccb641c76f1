"""
A language model behind an OpenAI-compatible address, as far as `training.writer` speaks to one.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FakeEndpoint:
    """
    What it heard and where it listens.

    Args:
        url: Its address.
        asked: The user's text of each request, in order.
        keys: The Authorization header of each.
    """

    url: str
    asked: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)


@contextmanager
def fake_endpoint(answer: Callable[[str], str | int]) -> Iterator[FakeEndpoint]:
    """
    Serve on a free port: *answer* gives the text for what was asked, or a status to fail with (302 sends elsewhere).
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            endpoint.asked.append(body["messages"][-1]["content"])
            endpoint.keys.append(self.headers["Authorization"])
            given = answer(endpoint.asked[-1])
            self.send_response(given if isinstance(given, int) else 200)
            if given == 302:
                self.send_header("Location", f"{endpoint.url}/elsewhere")
            self.end_headers()
            if isinstance(given, str):
                self.wfile.write(json.dumps({"choices": [{"message": {"content": given}}]}).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        endpoint = FakeEndpoint(f"http://127.0.0.1:{server.server_address[1]}/v1")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield endpoint
        finally:
            server.shutdown()
            thread.join()
