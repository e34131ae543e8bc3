#!/usr/bin/env python3
"""attack.py PORT SOURCE SILENT GARBAGE HALF - what a broker has to stand.

Opens connections to 127.0.0.1:PORT from the loopback address SOURCE and holds
them: SILENT ones that say nothing, GARBAGE ones that send noise, HALF ones
that begin a handshake and do not go on.  Writes "ready" once all were tried,
then waits until the broker has closed every one and writes how many seconds
that took.  Exit status 1 if one is still open after 30 seconds.
"""
import os
import select
import socket
import struct
import sys
import time

GREETING = b"\0SP\0\0\x30\0\0"


def connect(port, source):
    s = socket.socket()
    s.settimeout(10)
    s.bind((source, 0))
    s.connect(("127.0.0.1", port))
    return s


def half():
    frame = b"SG\1\1" + bytes(16) + os.urandom(32)
    return GREETING + struct.pack(">QI", len(frame) + 4, 0x80000001) + frame


def attempt(port, source, data, held):
    try:
        s = connect(port, source)
        held.append(s)
        s.sendall(data)
    except OSError:
        pass


def closed(s):
    try:
        while s.recv(65536):
            pass
        return True
    except (BlockingIOError, socket.timeout):
        return False
    except OSError:
        return True


def wait_any(held):
    poll = select.poll()
    for s in held:
        poll.register(s, select.POLLIN)
    poll.poll(200)


def main():
    port, source = int(sys.argv[1]), sys.argv[2]
    silent, garbage, halves = map(int, sys.argv[3:6])
    held = []
    for _ in range(silent):
        attempt(port, source, b"", held)
    for _ in range(garbage):
        attempt(port, source, os.urandom(200), held)
    for _ in range(halves):
        attempt(port, source, half(), held)
    print("ready", flush=True)
    begun = time.monotonic()
    for s in held:
        s.setblocking(False)
    while held and time.monotonic() - begun < 30:
        wait_any(held)
        held = [s for s in held if not closed(s)]
    print(f"{time.monotonic() - begun:.1f}", flush=True)
    return 1 if held else 0


if __name__ == "__main__":
    sys.exit(main())
