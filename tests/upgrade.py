#!/usr/bin/env python3
"""upgrade.py FIFO - a twin of the next version, named B.

Listens at a port of 127.0.0.1, which it writes, for a broker there, and dials
that in turn at the port that it reads from FIFO.  It speaks versions 1 and 2, says more than version 1 knows wherever that
may be (members, elements of heads, notes), and otherwise does what a twin
does.  Its log has three events.  Writes a line for each request or answer that
is new to it, and the lines of events that it gets.
"""
import json
import socket
import struct
import sys
import threading
import time

LOG = "B.1700000000"
EVENTS = [json.dumps({"topic": "T/B", "t": 1700000000 + i, "v": i, "u": "W"},
                     separators=(",", ":")) for i in (1, 2, 3)]
MORE = {"zone": "north", "quorum": {"of": 3, "is": [1, 2]}}
REQ, REP = 0x30, 0x31


def say(*words):
    print(*words, flush=True)


def exactly(s, n):
    data = b""
    while len(data) < n:
        got = s.recv(n - len(data))
        if not got:
            raise ConnectionError
        data += got
    return data


def greet(s, ours, theirs):
    s.sendall(struct.pack(">4sHH", b"\0SP\0", ours, 0))
    assert struct.unpack(">4sHH", exactly(s, 8)) == (b"\0SP\0", theirs, 0)


def take(s):
    """A message: its request id and its text."""
    size, = struct.unpack(">Q", exactly(s, 8))
    body = exactly(s, size)
    return body[:4], body[4:].decode()


def give(s, number, header, lines=()):
    body = json.dumps(header, separators=(",", ":"))
    body += "\n" + "".join(line + "\n" for line in lines)
    data = number + body.encode()
    s.sendall(struct.pack(">Q", len(data)) + data)


def hello():
    return {"ok": True, "sg": 1, "upto": 2, "name": "B", "log": LOG,
            "time": time.time(), "twin": True, **MORE,
            "limits": {"frame": 1114112, "line": 1048576, "events": 65536,
                       "fetch": 1114112, "parked": 64, "zones": 9}}


class Server:
    """The broker's requests, answered in their order."""

    def __init__(self, s):
        self.s, self.part, self.waiting = s, 0, []
        self.cursor = {}

    def part_of(self, number, lines, n):
        self.part += 1
        give(self.s, number, {"ok": True, "part": self.part, "n": n,
                              "cursor": self.cursor, "now": self.cursor,
                              **MORE}, lines)

    def first(self, number):
        """Its log in two frames, with what version 1 does not know."""
        head = [LOG, 1, 2, 1700000000000000, "meter", "00000000000000aa", 1, 2,
                {"C.7": 5}, {"seal": "x"}, [1, 2], None]
        lines = ['{"note":"zone","name":"north","members":["A","B"]}',
                 json.dumps(head), EVENTS[0], EVENTS[1],
                 '{"note":"cursor","name":"later","t":1700000000000001,'
                 '"cursor":{"%s":1},"holder":"x"}' % LOG,
                 '{"note":"quorum"}']
        head = [LOG, 3, 1, 1700000000000000, "meter", "00000000000000aa", 3, 1,
                {}, "more"]
        lines += [json.dumps(head), EVENTS[2]]
        self.part_of(number, lines, 3)

    def request(self, number, text):
        header = json.loads(text.split("\n", 1)[0])
        if header["op"] == "hello":
            say("asked hello", header["sg"], header["upto"])
            give(self.s, number, hello())
        elif header["op"] == "mirror" and "name" in header:
            say("asked mirror", header["name"])
            self.cursor = {**header["cursor"], LOG: 3}
            self.part = 0
            self.first(number)
        elif header["op"] == "mirror":
            if header.get("done", 0) == 1:
                say("confirmed 1")
            self.waiting.append((time.monotonic(), number))
        else:
            give(self.s, number, {"ok": True, **MORE})

    def run(self):
        while True:
            self.s.settimeout(0.2)
            try:
                self.request(*take(self.s))
            except TimeoutError:
                pass
            while self.waiting and self.waiting[0][0] + 0.4 < time.monotonic():
                self.part_of(self.waiting.pop(0)[1], [], 0)


def serve(listener):
    while True:
        s = listener.accept()[0]
        try:
            greet(s, REP, REQ)
            Server(s).run()
        except OSError:
            say("the broker left")


def copied(lines):
    """The events among the lines of an answer."""
    lines = lines.split("\n")
    while lines and lines[0]:
        head = json.loads(lines.pop(0))
        if isinstance(head, list):
            for line in lines[:head[2]]:
                say("got", line)
            del lines[:head[2]]


def follow(port):
    with socket.create_connection(("127.0.0.1", port)) as s:
        greet(s, REQ, REP)
        ask = iter(range(0x80000001, 1 << 32))
        give(s, struct.pack(">I", next(ask)),
             {"op": "hello", "sg": 1, "upto": 2, **MORE})
        header, _, lines = take(s)[1].partition("\n")
        say("answered hello", json.loads(header)["sg"])
        give(s, struct.pack(">I", next(ask)), {
            "op": "mirror", "name": "B", "cursor": {LOG: 3}, **MORE})
        while True:
            header, _, lines = take(s)[1].partition("\n")
            header = json.loads(header)
            if not header["ok"]:
                say("refused", json.dumps(header))
                return
            copied(lines)
            give(s, struct.pack(">I", next(ask)),
                 {"op": "mirror", "done": header["part"], **MORE})


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    say("listening", listener.getsockname()[1])
    threading.Thread(target=serve, args=[listener], daemon=True).start()
    with open(sys.argv[1]) as fifo:
        port = int(fifo.readline())
    while True:
        try:
            follow(port)
        except OSError:
            pass
        time.sleep(0.1)


main()
