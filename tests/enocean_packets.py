#!/usr/bin/env python3
"""enocean_packets.py < LINES > PACKETS - radio telegrams as a module hands
them over.  A line is

  RORG PAYLOAD SENDER [status=HEX] [dest=HEX] [dbm=N] [bad=crc|header]
  raw HEX         these bytes
  packet TYPE HEX [OPTIONAL HEX]
"""
import sys

from enocean_module import RADIO, address, packet, unhex


def telegram(words):
    options = dict(word.split("=", 1) for word in words if "=" in word)
    rorg, payload, sender = [word for word in words if "=" not in word]
    data = unhex(rorg) + unhex(payload) + address(sender) + \
        unhex(options.get("status", "00"))
    opt = b"\x01" + address(options.get("dest", "FFFFFFFF")) + \
        bytes([int(options.get("dbm", 60)), 0])
    return packet(RADIO, data, opt, options.get("bad", ""))


def main():
    for line in sys.stdin:
        words = line.split()
        if not words:
            continue
        if words[0] == "raw":
            made = unhex("".join(words[1:]))
        elif words[0] == "packet":
            made = packet(int(words[1]), *(unhex(word) for word in words[2:]))
        else:
            made = telegram(words)
        sys.stdout.buffer.write(made)


if __name__ == "__main__":
    main()
