"""What all stand-ins do: answer /ping on each port as V3 did, and print a line once they listen."""

import http.server
import json
import threading


class Ping(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"ok": True, "machine": "old", "version": "3.9.2"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def serve(ports):
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Ping) for port in ports]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    servers[0].serve_forever()
