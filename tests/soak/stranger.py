"""A program that TaskPaw has nothing to do with, until its standard input ends. It tells every signal.

`hold PORT`: takes the port as soon as nobody has it. `ask PORT`: a client that stays connected to the port.
"""

import os
import select
import signal
import socket
import sys


def tell(text):
    os.write(1, f"{text}\n".encode())


def main():
    what, port = sys.argv[1], int(sys.argv[2])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGCONT, signal.SIGUSR1):
        signal.signal(number, lambda number, _frame: tell(f"signal {number}"))
    tell("ready")
    mine = None
    while True:
        wait = 0.0005 if what == "hold" and mine is None else 0.05
        ready, _, _ = select.select([0] + ([mine] if mine else []), [], [], wait)
        if 0 in ready:
            return
        if mine is None:
            mine = hold(port) if what == "hold" else ask(port)
        elif mine in ready and what == "hold":
            mine.accept()[0].close()
        elif mine in ready and not receive(mine):
            mine.close()
            mine = None


def hold(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
    except OSError:
        listener.close()
        return None
    tell("held")
    return listener


def ask(port):
    client = socket.socket()
    try:
        client.connect(("127.0.0.1", port))
        client.sendall(b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port)
    except OSError:
        client.close()
        return None
    return client


def receive(client):
    try:
        return client.recv(4096)
    except OSError:
        return b""


main()
