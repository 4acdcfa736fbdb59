"""`python3 serve.py RECORD PORT …`: somebody else's server. It writes down each signal that it gets."""

import signal
import socket
import sys

signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
listener = socket.create_server(("127.0.0.1", int(sys.argv[2])))
print("ready", flush=True)
while True:
    received = signal.sigwaitinfo(signal.valid_signals()).si_signo
    with open(sys.argv[1], "a", encoding="ascii") as record:
        record.write(f"{int(received)}\n")
    if received == signal.SIGTERM:
        break
