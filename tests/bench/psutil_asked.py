"""Answers `WHAT TIMES` with the nanoseconds that it took and the pids that listen on the ports."""

import sys
import time

import psutil

PORTS = {int(port) for port in sys.argv[1:]}


def listens(connection):
    return connection.status == psutil.CONN_LISTEN and connection.laddr.port in PORTS


def net_connections():
    return {connection.pid for connection in psutil.net_connections(kind="tcp") if listens(connection)}


def process_iter():
    found = set()
    for process in psutil.process_iter():
        try:
            if any(listens(connection) for connection in process.net_connections(kind="tcp")):
                found.add(process.pid)
        except psutil.Error:
            pass
    return found


QUESTIONS = {"psutil_net_connections": net_connections, "psutil_process_iter": process_iter}
print("ready", flush=True)
for line in sys.stdin:
    what, times = line.split()
    began = time.perf_counter_ns()
    for _ in range(int(times)):
        found = QUESTIONS[what]()
    print(time.perf_counter_ns() - began, *found, flush=True)
