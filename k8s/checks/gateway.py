"""Runs nginx with gateway.conf between this script and two stand-ins for the APIs, and looks where requests arrive.

Only addresses and paths of the configuration are replaced. Ends within seconds; needs nothing but nginx and Python.
"""

import http.client
import json
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CONFIGURATION = Path(__file__).resolve().parents[1] / "base/gateway.conf"
DEADLINE_SECONDS = 10


class Api(BaseHTTPRequestHandler):
    """Answers every request with who was asked for what; a path that ends in /live streams."""

    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.connections.append(self.connection)

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("/live"):
            return self.stream()
        seen = {"api": self.server.name, "method": self.command, "path": self.path, "bytes": len(body)}
        seen["headers"] = {name.lower(): value for name, value in self.headers.items()}
        text = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("ETag", '"7"')
        self.send_header("X-Seen-By", self.server.name)
        self.send_header("X-Request-Id", self.headers["X-Request-Id"])
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = answer

    def stream(self):
        """One message at once, a second one only when the test has read the first."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"data: first\n\n")
        self.wfile.flush()
        if self.server.first_was_read.wait(DEADLINE_SECONDS):
            self.wfile.write(b"data: second\n\n")

    def log_message(self, *_):
        pass


def start_api(name):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.name, server.connections, server.first_was_read = name, [], threading.Event()
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def start_nginx(folder, command_api, query_api):
    """Returns the process and its port. The log is `nginx.log` in the folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    text = CONFIGURATION.read_text()
    for pattern, replacement in [
        (r"server command-api:8080;", f"server 127.0.0.1:{command_api.server_port};"),
        (r"server query-api:8080;", f"server 127.0.0.1:{query_api.server_port};"),
        (r"listen 8080 ", f"listen 127.0.0.1:{port} "),
        (r"(?<=\s)/tmp/", f"{folder}/"),
        (r"/dev/stdout", f"{folder}/access.log"),
    ]:
        text, count = re.subn(pattern, replacement, text)
        assert count, f"gateway.conf has no {pattern}: this script must follow it"
    changed = Path(folder, "gateway.conf")
    changed.write_text(text)
    command = ["nginx", "-p", folder, "-c", changed]
    test = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert test.returncode == 0, f"nginx -t: {test.stderr}"
    with open(f"{folder}/nginx.log", "wb") as log:
        nginx = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return nginx, port
        except OSError:
            assert nginx.poll() is None and time.monotonic() < deadline, Path(folder, "nginx.log").read_text()
            time.sleep(0.02)


def ask(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        text = response.read()
        return response.status, response.headers, json.loads(text) if text else None
    finally:
        connection.close()


def expect(what, actual, expected):
    assert actual == expected, f"{what}: {actual!r}, not {expected!r}"


def requests_are_split_by_method(port):
    for method, api in [("GET", "query-api"), ("HEAD", "query-api"), ("POST", "command-api"), ("PUT", "command-api"),
                        ("DELETE", "command-api"), ("PATCH", "command-api"), ("OPTIONS", "command-api")]:
        for path in ["/api/v1/events", "/api/v1/events/1%2F2/x?q=a%20b&next=/docs"]:
            status, headers, seen = ask(port, method, path)
            expect(f"{method} {path}", (status, headers["X-Seen-By"]), (200, api))
            if seen:
                expect(f"{method} {path}", (seen["method"], seen["path"]), (method, path))
    for path in ["/docs", "/docs/", "/docs/index.css", "/.well-known/jwks.json"]:
        expect(path, ask(port, "GET", path)[2]["api"], "query-api")
        expect(f"POST {path}", ask(port, "POST", path, b"{}")[2]["api"], "query-api")


def the_rest_is_answered_here(port):
    for path in ["/livez", "/readyz"]:
        status, headers, body = ask(port, "GET", path)
        expect(path, (status, headers["Content-Type"], body), (200, "application/json", {"status": "ok"}))
    for path in ["/", "/metrics", "/docsx", "/api", "/gateway/413", "/docs/../metrics", "/docs/..%2fmetrics"]:
        expect_problem(path, ask(port, "GET", path), 404, "not-found")


def headers_are_passed_on(port):
    sent = {"X-Request-Id": "abc-1", "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https", "Forwarded": "for=x",
            "Host": "tickets.example.org", "Idempotency-Key": "k", "If-Match": '"7"', "Accept-Encoding": "gzip"}
    _, answered, seen = ask(port, "PUT", "/api/v1/events/1", b"{}", sent)
    got = seen["headers"]
    expect("X-Request-Id", got["x-request-id"], "abc-1")
    expect("Host", (got["host"], got["x-forwarded-host"]), ("tickets.example.org", "tickets.example.org"))
    expect("X-Forwarded-For of a client", got["x-forwarded-for"], "127.0.0.1")
    expect("X-Forwarded-Proto of a client", got["x-forwarded-proto"], "http")
    expect("Forwarded", got.get("forwarded"), None)
    expect("the command's own headers", (got["idempotency-key"], got["if-match"]), ("k", '"7"'))
    expect("ETag", answered["ETag"], '"7"')
    expect("X-Request-Id of the answer", answered.get_all("X-Request-Id"), ["abc-1"])
    for unfit in ["a b", "x" * 65]:
        made = ask(port, "GET", "/api/v1/events", headers={"X-Request-Id": unfit})[2]["headers"]["x-request-id"]
        assert re.fullmatch("[0-9a-f]{32}", made), f"X-Request-Id {unfit!r} became {made!r}"


def bodies_are_limited(port):
    expect("1 MiB", ask(port, "POST", "/api/v1/bookings", b"x" * (1 << 20))[2]["bytes"], 1 << 20)
    too_large = {"Content-Length": str((1 << 20) + 1)}
    expect_problem("1 MiB and a byte", ask(port, "POST", "/api/v1/bookings", b"", too_large), 413, "body-too-large")
    long_header = ask(port, "GET", "/api/v1/events", headers={"X": "x" * 20_000})
    expect_problem("a long header", long_header, 400, "not-understood")
    expect_problem("a long address", ask(port, "GET", "/api/" + "x" * 20_000), 400, "not-understood")


def live_streams_are_not_held_back(port, query_api):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS / 2)
    connection.request("GET", "/api/v1/events/1/live")
    response = connection.getresponse()
    expect("the first message", response.read1(100), b"data: first\n\n")
    query_api.first_was_read.set()
    assert b"second" in response.read(), "the second message is missing"
    connection.close()


def an_api_that_is_down_is_a_503(port, command_api):
    command_api.shutdown()
    command_api.server_close()
    for connection in command_api.connections:  # nginx keeps some open
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # this one was closed before
    answer = ask(port, "DELETE", "/api/v1/bookings/1")
    expect_problem("DELETE without command-api", answer, 503, "unavailable")
    expect("Retry-After", answer[1]["Retry-After"], "1")
    expect("GET without command-api", ask(port, "GET", "/api/v1/bookings")[0], 200)


def expect_problem(what, answer, status, code):
    actual, headers, body = answer
    expect(what, (actual, headers["Content-Type"]), (status, "application/problem+json"))
    expect(what, (body["status"], body["code"], body["type"]), (status, code, f"/problems/{code}"))
    expect(what, (len(headers.get_all("X-Request-Id")), headers["X-Content-Type-Options"]), (1, "nosniff"))


def main():
    command_api, query_api = start_api("command-api"), start_api("query-api")
    with tempfile.TemporaryDirectory(prefix="boxoffice-gateway-") as folder:
        Path(folder).chmod(0o711)  # started by root, nginx works as another user
        nginx, port = start_nginx(folder, command_api, query_api)
        try:
            requests_are_split_by_method(port)
            the_rest_is_answered_here(port)
            headers_are_passed_on(port)
            bodies_are_limited(port)
            live_streams_are_not_held_back(port, query_api)
            an_api_that_is_down_is_a_503(port, command_api)
            assert "q=a" not in Path(folder, "access.log").read_text(), "a query string was logged"
            for line in Path(folder, "access.log").read_text().splitlines():
                json.loads(line)
        finally:
            nginx.terminate()
            nginx.wait(DEADLINE_SECONDS)


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, OSError, http.client.HTTPException) as broken:
        traceback.print_exc(limit=-2)
        sys.exit(f"{type(broken).__name__}: {broken}")
