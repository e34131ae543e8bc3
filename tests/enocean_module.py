#!/usr/bin/env python3
"""A radio module (TCM 310) that is played: on a pseudo-terminal or, with
--tcp, as ser2net would show it.  Standard input has commands, one a line;
standard output tells in JSON, one object a line, what it received and did.
The end of standard input, or "quit", ends it.

First line: {"event": "ready", "path": "/dev/pts/7"} (or tcp://127.0.0.1:PORT).

Commands ([...] may be left out; hex digits may be in groups "01:02"):

  telegram RORG PAYLOAD SENDER [status=HEX] [dest=HEX] [dbm=N] [sub=N]
           [times=N] [hops=N] [bad=crc|header]
           a telegram is received; times: so often; hops: after it, once
           more for each repeater; bad: a CRC is wrong
  raw HEX                 these bytes
  garbage N               N bytes of noise, in which 0x55 is frequent
  play FILE               each line: hex, or JSON with the member "hex"
  event HEX               an EVENT packet
  reset [CAUSE]           it restarts: EVENT CO_READY
  split N                 from now on in pieces of N bytes; 0: whole
  answer WORD...          what the next telegrams are answered by, in turn:
                          ok, silent, or a return code in hex
  delay MS                responses come so late (0)
  deny CODE               RD_IDBASE is refused from now on; ok: answered
  lock | unlock           duty cycle: LOCK_SET, and the event; [quiet]: only
                          LOCK_SET
  base HEX                another base id
  unplug | plug           the stick is pulled out, put in again
  device switch ID [channels=N] [energy=WH] [power=W] [deaf=N] [mute] [stuck]
           [gateway=HEX]  an actuator of D2-01: obeys, reports; deaf: misses
                          the next N telegrams; mute: never reports; stuck:
                          reports and does not obey; gateway: the only sender
                          that it obeys
  device blind ID [mute]  D2-05-00, channel 1 is 0 on the air
  device valve ID [temperature=C] [mute]   A5-20-01: see wake
  device listener ID      anything else: tells what it hears
  wake ID                 the valve reports, and listens for a second
  set ID KEY=VALUE...     other options of a device
  push ID CHANNEL LEVEL   somebody presses the button on the actuator
  ute ID PROFILE MANUFACTURER [request=in|out|either] [silent] [one-way]
                          a device asks to be taught in; its answer is told
  teach ID PROFILE MANUFACTURER [two-way]   the same by 4BS
  mark WORDS              told as it is: {"event": "mark", "text": ...}
  quit

Events, all with "ms" since the start: ready, open, close (by the host),
request (a command of the host), radio (a telegram of the host, and what it was
answered), chain (a long one, whole), noise, violation (two requests in
flight), emit, device, answer ("after" so many ms), unanswered, mark, error.
"""

import argparse
import heapq
import json
import os
import random
import select
import socket
import sys
import termios
import time
import tty

RESPONSE, EVENT, COMMAND, RADIO = 2, 4, 5, 1
OK, NOT_SUPPORTED, WRONG_PARAM, LOCK_SET = 0, 2, 3, 5
COMMANDS = {1: "WR_SLEEP", 2: "WR_RESET", 3: "RD_VERSION", 8: "RD_IDBASE",
            9: "WR_REPEATER", 10: "RD_REPEATER", 16: "WR_WAIT_MATURITY",
            35: "RD_DUTYCYCLE_LIMIT"}
BROADCAST = bytes.fromhex("FFFFFFFF")
PATIENCE = 0.5      # of a host for a response
LATENCY = 0.05      # of a request to us, which shortens that
ANSWER = 0.7        # of a device that wants to be taught in
LISTEN = 1.0        # of a valve that has woken
REPORT = 0.02       # until a device reports
PIECE = 0.002       # between the pieces of what is split


def crc8(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) ^ (0x07 if crc & 0x80 else 0)
            crc &= 0xFF
    return crc


def packet(kind, data, opt=b"", bad=""):
    head = bytes([len(data) >> 8, len(data) & 0xFF, len(opt), kind])
    return (b"\x55" + head + bytes([crc8(head) ^ (bad == "header")]) + data +
            opt + bytes([crc8(data + opt) ^ (bad == "crc")]))


def unhex(text):
    return bytes.fromhex(text.replace(":", "").replace("-", ""))


def address(text):
    found = unhex(text)
    if len(found) != 4:
        raise ValueError("no address of 4 bytes: " + text)
    return found


class Packets:
    """Good packets in what the host writes, and the rest as noise."""

    def __init__(self):
        self.bytes = bytearray()

    def feed(self, data):
        self.bytes += data

    def next(self):
        """(type, data, opt), noise as bytes, or None."""
        b = self.bytes
        if not b:
            return None
        if b[0] != 0x55:
            end = b.find(0x55)
            return self.noise(len(b) if end < 0 else end)
        if len(b) < 6:
            return None
        if crc8(b[1:5]) != b[5]:
            return self.noise(1)
        n, m = b[1] << 8 | b[2], b[3]
        size = 6 + n + m + 1
        if len(b) < size:
            return None
        if crc8(b[6:size - 1]) != b[size - 1]:
            return self.noise(1)
        found = (b[4], bytes(b[6:6 + n]), bytes(b[6 + n:size - 1]))
        del b[:size]
        return found

    def noise(self, n):
        found = bytes(self.bytes[:n])
        del self.bytes[:n]
        return found


class Line:
    """What the host opens; it can be unplugged."""

    def __init__(self, link, tcp):
        self.link, self.tcp = link, tcp
        self.port = 0
        self.listener = self.fd = None
        self.out = bytearray()
        self.is_open = False

    def plug(self):
        if self.tcp:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET,
                                     socket.SO_REUSEADDR, 1)
            self.listener.bind(("127.0.0.1", self.port))
            self.listener.listen()
            self.port = self.listener.getsockname()[1]
            return f"tcp://127.0.0.1:{self.port}"
        self.fd, slave = os.openpty()
        path = os.ttyname(slave)
        tty.setraw(slave, termios.TCSANOW)      # no echo, whatever comes
        os.close(slave)
        os.set_blocking(self.fd, False)
        if self.link:
            self.unlink()
            os.symlink(path, self.link)
            return self.link
        return path

    def unlink(self):
        if self.link and os.path.islink(self.link):
            os.unlink(self.link)

    def unplug(self):
        self.out.clear()
        self.is_open = False
        if self.tcp:
            self.hang_up()
            if self.listener:
                self.listener.close()
            self.listener = None
        elif self.fd is not None:
            self.unlink()
            os.close(self.fd)
            self.fd = None

    def hang_up(self):
        """Of a TCP connection; a pseudo-terminal stays."""
        self.out.clear()
        if self.tcp and self.fd is not None:
            os.close(self.fd)
            self.fd = None

    def accept(self):
        peer, _ = self.listener.accept()
        peer.setblocking(False)
        self.hang_up()
        self.fd = peer.detach()

    def write(self, data):
        if self.fd is None:
            return
        self.out += data
        self.flush()

    def flush(self):
        while self.out and self.fd is not None:
            try:
                n = os.write(self.fd, self.out)
            except BlockingIOError:
                return
            except OSError:
                self.out.clear()
                return
            del self.out[:n]

    def read(self):
        """Bytes; b"" if the host has closed it; None if nothing is there."""
        try:
            return os.read(self.fd, 65536)
        except BlockingIOError:
            return None
        except OSError:
            return b""


class Device:
    """What listens on the air: tells, and does nothing else."""

    def __init__(self, module, ident, options):
        self.module, self.ident, self.options = module, ident, options
        self.deaf = int(options.get("deaf", 0))

    def hear(self, rorg, payload, sender, dest):
        if dest not in (self.ident, BROADCAST):
            return
        if self.deaf > 0:
            self.deaf -= 1
            self.tell("deaf")
            return
        if self.options.get("gateway", sender.hex()).lower() != sender.hex():
            self.tell("stranger", sender=sender.hex().upper())
            return
        self.obey(rorg, payload, sender)

    def obey(self, rorg, payload, sender):
        self.tell("hears", rorg="%02X" % rorg, payload=payload.hex().upper(),
                  sender=sender.hex().upper())

    def tell(self, what, **more):
        self.module.tell("device", id=self.ident.hex().upper(), what=what,
                         **more)

    def report(self, rorg, payload, after=REPORT):
        if "mute" in self.options:
            self.tell("mute")
            return
        self.module.later(after, lambda: self.module.radio(
            rorg, payload, self.ident, log=True))


class Switch(Device):
    """D2-01: outputs, their status, a meter for each."""

    def __init__(self, module, ident, options):
        super().__init__(module, ident, options)
        self.levels = [0] * int(options.get("channels", 1))
        self.pilot = 0

    def channels(self, io):
        if io == 0x1E:
            return range(len(self.levels))
        return [io] if io < len(self.levels) else []

    def status(self, io, after=REPORT):
        self.report(0xD2, bytes([0x04, 0x60 | io, self.levels[io]]), after)

    def push(self, io, level):
        self.levels[io] = level
        self.tell("output", channel=io, level=level, by="hand")
        self.status(io, 0)

    def obey(self, rorg, payload, sender):
        if rorg != 0xD2 or not payload:
            super().obey(rorg, payload, sender)
            return
        command, io = payload[0] & 0x0F, payload[-1] & 0x1F
        if len(payload) > 1:
            io = payload[1] & 0x1F
        if command == 1 and len(payload) == 3:
            self.set_output(io, payload[1] >> 5, payload[2] & 0x7F)
        elif command == 3 and len(payload) == 2:
            for i, channel in enumerate(self.channels(io)):
                self.status(channel, REPORT * (i + 1))
        elif command == 6 and len(payload) == 2:
            for i, channel in enumerate(self.channels(io)):
                self.measure(channel, payload[1] & 0x20, REPORT * (i + 1))
        elif command == 8 and len(payload) == 2:
            self.pilot = payload[1] & 7
            self.tell("pilot", mode=self.pilot)
            self.report(0xD2, bytes([0x0A, self.pilot]))
        elif command == 9:
            self.report(0xD2, bytes([0x0A, self.pilot]))
        else:
            self.tell("configured", payload=payload.hex().upper())

    def set_output(self, io, dim, level):
        for i, channel in enumerate(self.channels(io)):
            if "stuck" not in self.options and level <= 100:
                self.levels[channel] = level
            self.tell("output", channel=channel, level=self.levels[channel],
                      dim=dim)
            self.status(channel, REPORT * (i + 1))

    def measure(self, io, power, after):
        if power:
            value, unit = int(self.options.get("power", 0)), 3
        else:
            value, unit = int(self.options.get("energy", 0)), 1
        self.report(0xD2, bytes([0x07, unit << 5 | io]) +
                    value.to_bytes(4, "big"), after)


class Blind(Device):
    """D2-05-00."""

    def __init__(self, module, ident, options):
        super().__init__(module, ident, options)
        self.position, self.angle = 0, 0

    def obey(self, rorg, payload, sender):
        if rorg != 0xD2 or not payload:
            super().obey(rorg, payload, sender)
            return
        command = payload[-1] & 0x0F
        if command == 1 and len(payload) == 4:
            if payload[0] & 0x7F <= 100:
                self.position = payload[0] & 0x7F
            if payload[1] & 0x7F <= 100:
                self.angle = payload[1] & 0x7F
            self.tell("position", position=self.position, angle=self.angle)
        elif command == 2:
            self.tell("stop")
        elif command != 3:
            self.tell("configured", payload=payload.hex().upper())
            return
        self.report(0xD2, bytes([self.position, self.angle, 0,
                                 payload[-1] & 0xF0 | 4]))


class Valve(Device):
    """A5-20-01: hears only for a second after it has reported."""

    def __init__(self, module, ident, options):
        super().__init__(module, ident, options)
        self.woke = None
        self.position = 50

    def wake(self):
        temperature = float(self.options.get("temperature", 20))
        raw = max(0, min(255, round(temperature * 255 / 40)))
        self.woke = time.monotonic()
        self.module.radio(0xA5, bytes([self.position, 0x30, raw, 0x08]),
                          self.ident, log=True)
        self.module.later(LISTEN, self.sleep)

    def sleep(self):
        if self.woke is not None:
            self.module.tell("unanswered", id=self.ident.hex().upper())
        self.woke = None

    def obey(self, rorg, payload, sender):
        if self.woke is None:
            self.tell("asleep", payload=payload.hex().upper())
            return
        if rorg != 0xA5 or len(payload) != 4:
            super().obey(rorg, payload, sender)
            return
        self.module.tell("answer", id=self.ident.hex().upper(),
                         payload=payload.hex().upper(),
                         sender=sender.hex().upper(),
                         after=round((time.monotonic() - self.woke) * 1000))
        self.woke = None
        if payload[3] & 8 and not payload[2] & 4:
            self.position = payload[0]


class Pupil(Device):
    """A device that asks to be taught in; hears only what is for it alone."""

    def __init__(self, module, ident, options):
        super().__init__(module, ident, options)
        self.since = None

    def ask(self, rorg, payload):
        self.since = time.monotonic()
        self.module.radio(rorg, payload, self.ident, log=True)
        self.module.later(ANSWER, self.end)

    def end(self):
        if self.since is not None:
            self.module.tell("unanswered", id=self.ident.hex().upper())
        self.since = None

    def hear(self, rorg, payload, sender, dest):
        if dest != self.ident or self.since is None:
            return
        self.module.tell("answer", id=self.ident.hex().upper(),
                         rorg="%02X" % rorg, payload=payload.hex().upper(),
                         sender=sender.hex().upper(),
                         after=round((time.monotonic() - self.since) * 1000))
        self.since = None


class Module:
    """The module itself: requests in, responses and telegrams out."""

    KINDS = {"switch": Switch, "blind": Blind, "valve": Valve,
             "listener": Device}

    def __init__(self, arguments):
        self.line = Line(arguments.link, arguments.tcp)
        self.base = address(arguments.base)
        self.chip = address(arguments.chip)
        self.writes = arguments.writes
        self.random = random.Random(arguments.seed)
        self.begin = time.monotonic()
        self.timers, self.timer_count = [], 0
        self.devices, self.pupils = {}, {}
        self.answers = []       # scripted, for telegrams
        self.delay = 0.0
        self.deny = OK
        self.locked = False
        self.split = 0
        self.busy = 0.0         # until then pieces are written
        self.requests = 0       # in what was read last
        self.pending = None     # when the request in flight came
        self.chains = {}
        self.packets = Packets()
        self.control = bytearray()
        self.running = True

    # What is told, what is done later.

    def tell(self, event, **more):
        record = {"event": event, **more,
                  "ms": round((time.monotonic() - self.begin) * 1000)}
        print(json.dumps(record), flush=True)

    def later(self, seconds, action):
        self.timer_count += 1
        heapq.heappush(self.timers, (time.monotonic() + seconds,
                                     self.timer_count, action))

    def emit(self, data):
        """Pieces of one thing never mix with those of another."""
        after = self.busy - time.monotonic()
        if self.split == 0 and after <= 0:
            self.line.write(data)
            return
        size = self.split or len(data)
        after = max(after, 0)
        for i in range(0, len(data), size):
            after += PIECE
            self.later(after, lambda part=data[i:i + size]:
                       self.line.write(part))
        self.busy = time.monotonic() + after

    def radio(self, rorg, payload, sender, status=0, dest=BROADCAST, dbm=60,
              sub=1, bad="", log=False):
        data = bytes([rorg]) + payload + sender + bytes([status])
        opt = bytes([sub]) + dest + bytes([dbm, 0])
        self.emit(packet(RADIO, data, opt, bad))
        if log:
            self.tell("emit", rorg="%02X" % rorg,
                      payload=payload.hex().upper(),
                      sender=sender.hex().upper())

    # The host's requests.

    def respond(self, data, opt=b""):
        self.pending = time.monotonic()

        def now():
            self.pending = None
            self.emit(packet(RESPONSE, data, opt))
        if self.delay == 0:
            now()
        else:
            self.later(self.delay, now)

    def take(self, kind, data, opt):
        waiting = self.pending is not None and \
            time.monotonic() - self.pending < PATIENCE - LATENCY
        self.requests += kind != RESPONSE
        if kind != RESPONSE and (waiting or self.requests > 1):
            self.tell("violation", what="two requests in flight",
                      type=kind, data=data.hex().upper())
        if kind == COMMAND and data:
            self.take_command(data, opt)
        elif kind == RADIO and len(data) >= 6:
            self.take_radio(data, opt)
        else:
            self.tell("request", type=kind, data=data.hex().upper())
            if kind != RESPONSE:
                self.respond(bytes([NOT_SUPPORTED]))

    def take_command(self, data, opt):
        self.tell("request", type=COMMAND, data=(data + opt).hex().upper(),
                  command=COMMANDS.get(data[0], str(data[0])))
        if data[0] == 3:
            name = b"GATEWAYCTRL".ljust(16, b"\0")
            self.respond(bytes([OK, 2, 11, 1, 0, 2, 6, 3, 0]) + self.chip +
                         b"EO\x01\x03" + name)
        elif data[0] == 8 and self.deny == OK:
            self.respond(bytes([OK]) + self.base, bytes([self.writes]))
        elif data[0] == 8:
            self.respond(bytes([self.deny]))
        elif data[0] == 10:
            self.respond(bytes([OK, 0, 0]))
        elif data[0] == 35:
            self.respond(bytes([OK, 0 if self.locked else 99, 10, 1, 0x68,
                                0, 60, 99]))
        elif data[0] in (9, 16):
            self.respond(bytes([OK]))
        else:
            self.respond(bytes([NOT_SUPPORTED]))

    def take_radio(self, data, opt):
        rorg, payload = data[0], data[1:-5]
        sender, status = data[-5:-1], data[-1]
        dest = opt[1:5] if len(opt) >= 5 else BROADCAST
        answer = self.answers.pop(0) if self.answers else "ok"
        if self.locked and answer == "ok":
            answer = "05"
        elif answer == "ok" and not self.may_send(sender):
            answer = "03"
        self.tell("radio", rorg="%02X" % rorg, payload=payload.hex().upper(),
                  sender=sender.hex().upper(), dest=dest.hex().upper(),
                  status="%02X" % status, answer=answer)
        if answer == "silent":
            self.pending = time.monotonic()
            return
        code = OK if answer == "ok" else int(answer, 16)
        self.respond(bytes([code]))
        if code == OK:
            self.on_air(rorg, payload, sender, dest)

    def may_send(self, sender):
        """A module sends as itself or as one of its 128 addresses."""
        offset = int.from_bytes(sender, "big") - int.from_bytes(self.base,
                                                                "big")
        return 0 <= offset < 128 or sender == self.chip

    def on_air(self, rorg, payload, sender, dest):
        if rorg == 0x40:
            whole = self.unchain(payload, sender)
            if whole is None:
                return
            rorg, payload = whole[0], whole[1:]
            self.tell("chain", rorg="%02X" % rorg,
                      payload=payload.hex().upper(),
                      sender=sender.hex().upper(), dest=dest.hex().upper())
        for device in list(self.devices.values()) + list(
                self.pupils.values()):
            device.hear(rorg, payload, sender, dest)

    def unchain(self, payload, sender):
        key = (sender, payload[0] >> 6)
        if payload[0] & 0x3F == 0:
            self.chains[key] = bytearray(payload[1:])
        elif key in self.chains:
            self.chains[key] += payload[1:]
        else:
            return None
        have = self.chains[key]
        if len(have) < 3 + (have[0] << 8 | have[1]):
            return None
        return bytes(self.chains.pop(key)[2:])

    # Commands on standard input.

    def command(self, line):
        words = line.split()
        if not words or words[0].startswith("#"):
            return
        name = words[0].replace("-", "_")
        options = {}
        rest = []
        for word in words[1:]:
            key, equals, value = word.partition("=")
            if equals:
                options[key] = value
            else:
                rest.append(word)
        try:
            getattr(self, "do_" + name)(rest, options)
        except (AttributeError, ValueError, IndexError, KeyError, OSError,
                TypeError) as error:
            self.tell("error", line=line, why=repr(error))

    def do_telegram(self, words, options):
        rorg, payload = unhex(words[0]), unhex(words[1])
        sender = address(words[2])
        status = int(options.get("status", "00"), 16)
        more = {"dest": address(options.get("dest", "FFFFFFFF")),
                "dbm": int(options.get("dbm", 60)),
                "sub": int(options.get("sub", 1)),
                "bad": options.get("bad", "")}
        for _ in range(int(options.get("times", 1))):
            self.radio(rorg[0], payload, sender, status, **more)
        for hop in range(1, int(options.get("hops", 0)) + 1):
            self.radio(rorg[0], payload, sender, status | hop, **more)

    def do_raw(self, words, _):
        self.emit(unhex("".join(words)))

    def do_garbage(self, words, _):
        noise = bytes(0x55 if self.random.random() < 0.2
                      else self.random.randrange(256)
                      for _ in range(int(words[0])))
        self.emit(noise)

    def do_play(self, words, _):
        with open(words[0], encoding="utf-8") as file:
            for line in file:
                line = line.strip()
                if line.startswith("{"):
                    line = json.loads(line).get("hex", "")
                self.emit(unhex(line))
        self.tell("played", file=words[0])

    def do_event(self, words, _):
        self.emit(packet(EVENT, unhex("".join(words))))

    def do_reset(self, words, _):
        self.pending = None
        self.locked = False
        self.emit(packet(EVENT, bytes([4, int(words[0]) if words else 0])))

    def do_split(self, words, _):
        self.split = int(words[0])

    def do_answer(self, words, _):
        for word in words:
            if word not in ("ok", "silent"):
                int(word, 16)
        self.answers += words

    def do_delay(self, words, _):
        self.delay = int(words[0]) / 1000

    def do_deny(self, words, _):
        self.deny = OK if words[0] == "ok" else int(words[0], 16)

    def do_lock(self, words, _):
        self.locked = True
        if "quiet" not in words:
            self.emit(packet(EVENT, bytes([6, 1])))

    def do_unlock(self, words, _):
        self.locked = False
        if "quiet" not in words:
            self.emit(packet(EVENT, bytes([6, 0])))

    def do_base(self, words, _):
        self.base = address(words[0])

    def do_unplug(self, _words, _options):
        self.line.unplug()
        self.packets = Packets()
        self.pending = None
        self.tell("unplugged")

    def do_plug(self, _words, _options):
        if self.line.fd is None and self.line.listener is None:
            self.tell("ready", path=self.line.plug())

    def do_device(self, words, options):
        ident = address(words[1])
        options.update({word: "" for word in words[2:]})
        self.devices[ident] = self.KINDS[words[0]](self, ident, options)

    def do_set(self, words, options):
        device = self.devices[address(words[0])]
        options.update({word: "" for word in words[1:]})
        device.options.update(options)
        device.deaf = int(options.get("deaf", device.deaf))

    def do_wake(self, words, _):
        self.devices[address(words[0])].wake()

    def do_push(self, words, _):
        self.devices[address(words[0])].push(int(words[1]), int(words[2]))

    def pupil(self, word, options):
        ident = address(word)
        self.pupils[ident] = Pupil(self, ident, options)
        return self.pupils[ident]

    def do_ute(self, words, options):
        rorg, func, kind = unhex(words[1])
        maker = int(words[2], 16)
        request = {"in": 0, "out": 0x10, "either": 0x20}[
            options.get("request", "in")]
        first = request | (0 if "one-way" in words else 0x80) | (
            0x40 if "silent" in words else 0)
        self.pupil(words[0], options).ask(0xD4, bytes(
            [first, int(options.get("channels", "FF"), 16), maker & 0xFF,
             maker >> 8, kind, func, rorg]))

    def do_teach(self, words, options):
        _, func, kind = unhex(words[1])
        bits = func << 26 | kind << 19 | int(words[2], 16) << 8 | 0x80
        pupil = self.pupil(words[0], options)
        if "two-way" in words:
            pupil.ask(0xA5, bits.to_bytes(4, "big"))
        else:
            self.radio(0xA5, bits.to_bytes(4, "big"), pupil.ident, log=True)

    def do_mark(self, words, _):
        self.tell("mark", text=" ".join(words))

    def do_quit(self, _words, _options):
        self.running = False

    # The loop.

    def host_closed(self):
        if self.line.is_open:
            self.tell("close")
        self.line.is_open = False
        self.line.hang_up()
        self.packets = Packets()

    def host_opened(self):
        if not self.line.is_open:
            self.tell("open")
        self.line.is_open = True

    def host_readable(self):
        data = self.line.read()
        if data is None:
            return
        if not data:
            self.host_closed()
            return
        self.host_opened()
        self.packets.feed(data)
        self.requests = 0
        while (found := self.packets.next()) is not None:
            if isinstance(found, bytes):
                self.tell("noise", data=found.hex().upper())
            else:
                self.take(*found)

    def control_readable(self):
        data = os.read(0, 65536)
        if not data:
            self.running = False
            return
        self.control += data
        while (end := self.control.find(b"\n")) >= 0:
            line = self.control[:end].decode("utf-8", "replace")
            del self.control[:end + 1]
            self.command(line)

    def run_timers(self):
        while self.timers and self.timers[0][0] <= time.monotonic():
            heapq.heappop(self.timers)[2]()

    def wait(self):
        """Until something is to be done; a pseudo-terminal that nobody has
        opened is always ready, so it is looked at now and then."""
        poll = select.poll()
        poll.register(0, select.POLLIN)
        timeout = 1.0
        if self.timers:
            timeout = max(0, self.timers[0][0] - time.monotonic())
        if self.line.listener:
            poll.register(self.line.listener.fileno(), select.POLLIN)
        if self.line.fd is not None and self.someone_there():
            self.host_opened()
            poll.register(self.line.fd, select.POLLIN | (
                select.POLLOUT if self.line.out else 0))
        elif self.line.fd is not None:
            timeout = min(timeout, 0.01)
        return {fd for fd, _ in poll.poll(timeout * 1000)}

    def someone_there(self):
        if self.line.tcp or self.line.is_open:
            return True
        poll = select.poll()
        poll.register(self.line.fd, select.POLLIN)
        return all(not what & select.POLLHUP for _, what in poll.poll(0))

    def run(self):
        os.set_blocking(0, True)
        self.tell("ready", path=self.line.plug())
        while self.running:
            ready = self.wait()
            self.run_timers()
            if 0 in ready:
                self.control_readable()
            if self.line.listener and self.line.listener.fileno() in ready:
                self.host_closed()
                self.line.accept()
                self.host_opened()
            if self.line.fd in ready:
                self.line.flush()
                self.host_readable()
        self.line.unplug()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--link", help="symbolic link to the terminal")
    parser.add_argument("--tcp", action="store_true")
    parser.add_argument("--base", default="FF8B1A00")
    parser.add_argument("--chip", default="019F7A59")
    parser.add_argument("--writes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    Module(parser.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
