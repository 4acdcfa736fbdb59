"""What all stand-ins do as V3 does: bind without SO_REUSEADDR, close first, end by SIGTERM in order.

`npm run check:v3` holds them against the real one.
"""

import http.server
import json
import signal
import socket
import threading
from urllib.parse import parse_qsl, urlsplit

# V3's own answer to /ping, whatever its version is.
VERSION = "3.0.0-dev"
# Its server's time for the next request on a connection, in seconds.
KEEP_ALIVE = 5


class Listener(http.server.ThreadingHTTPServer):
    """One port. `answer(path, query, headers)` gives a status and an object."""

    # V3's: a second agent must not get the port.
    allow_reuse_address = False
    # The server that it is built on has this one.
    request_queue_size = 2048
    daemon_threads = True

    def __init__(self, port, answer):
        self.answer = answer
        self.connections = set()
        super().__init__(("127.0.0.1", port), Connection)

    def server_bind(self):
        # Not the class's own: that one asks for the name of this machine.
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.socket.getsockname()

    def end(self):
        """Closes what listens, then what is connected and has no request under way: this side first."""
        self.shutdown()
        self.server_close()
        for connection in list(self.connections):
            connection.end()


class Connection(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer goes out as one piece.
    wbufsize = -1

    def setup(self):
        super().setup()
        self.lock = threading.Lock()
        self.server.connections.add(self)

    def finish(self):
        self.server.connections.discard(self)
        super().finish()

    def end(self):
        with self.lock:
            self.close_connection = True
            try:
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # It is gone already.

    def do_GET(self):
        with self.lock:
            url = urlsplit(self.path)
            status, body = self.server.answer(url.path, dict(parse_qsl(url.query)), self.headers)
            body = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.send_header("content-type", "application/json")
            if self.headers.get("Connection", "").lower() == "close":
                self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
        # Only from now on: a connection that says nothing is kept.
        self.connection.settimeout(KEEP_ALIVE)

    def log_message(self, *arguments):
        pass


def serve(answers, ended=lambda: None):
    """Serves each port of `answers` until SIGTERM or SIGINT, and prints a line once all listen."""
    listeners = [Listener(port, answer) for port, answer in answers.items()]
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # V3 looks that often whether it should end.
    threads = [threading.Thread(target=one.serve_forever, args=(0.1,), daemon=True) for one in listeners]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    stop.wait()
    for one in listeners:
        one.end()
    ended()


def ping(machine):
    return 200, {"ok": True, "machine": machine, "version": VERSION}


def allowed(token, headers):
    return not token or headers.get("Authorization") == f"Bearer {token}"


UNAUTHORIZED = 401, {"error": "unauthorized"}
NOT_FOUND = 404, {"detail": "Not Found"}
