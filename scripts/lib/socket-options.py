"""`python3 socket-options.py PID`: the TCP sockets of a process with the options that another bind depends on, as JSON."""

import ctypes
import json
import os
import socket
import sys

PIDFD_GETFD = 438  # asm-generic/unistd.h: the same on every architecture of Linux that has it
LISTEN = 10  # linux/tcp_states.h
INFO_STATE = 0  # tcpi_state is the first byte of struct tcp_info

pid = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
held = os.pidfd_open(pid)
found = []
for name in os.listdir(f"/proc/{pid}/fd"):
    try:
        is_socket = os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:")
    except FileNotFoundError:
        continue
    if not is_socket:
        continue
    number = libc.syscall(PIDFD_GETFD, held, int(name), 0)
    if number < 0:
        sys.exit(f"its sockets may not be looked at: {os.strerror(ctypes.get_errno())}")
    copy = socket.socket(fileno=number)
    if copy.family not in (socket.AF_INET, socket.AF_INET6) or copy.type != socket.SOCK_STREAM:
        continue
    state = copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[INFO_STATE]
    found.append(
        {
            "port": copy.getsockname()[1],
            "listens": state == LISTEN,
            "reuse_address": bool(copy.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)),
            "reuse_port": bool(copy.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)),
            "keep_alive": bool(copy.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)),
            "no_delay": bool(copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)),
        }
    )
print(json.dumps(found))
