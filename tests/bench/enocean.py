#!/usr/bin/env python3
"""enocean.py DEVICES PACKETS N - Write a file of 100 devices, and N telegrams
of theirs as a radio module hands them over.  A building's mix: of 100
telegrams 25 are of temperature, 15 of room controllers, 10 of humidity, 10 of
light and motion, 15 of meters, 15 of switching actuators, 5 of contacts and 5
of switches."""
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from enocean_module import RADIO, packet        # noqa: E402

MIX = [("A5-02-05", 25), ("A5-10-03", 15), ("A5-04-01", 10), ("A5-08-01", 10),
       ("A5-12-01", 15), ("D2-01-09", 15), ("D5-00-01", 5), ("F6-02-01", 5)]


def payload(profile, r):
    """Payload, and status."""
    byte = r.randrange(256)
    made = {
        "A5-02-05": lambda: [0, 0, byte, 8],
        "A5-10-03": lambda: [0, r.randrange(256), byte, 8],
        "A5-04-01": lambda: [0, r.randrange(251), byte % 251, 10],
        "A5-08-01": lambda: [r.randrange(256), r.randrange(256), byte, 0x0C],
        "A5-12-01": lambda: [0, r.randrange(256), byte,
                             r.choice([0x08, 0x09, 0x0C])],
        "D2-01-09": lambda: r.choice([
            [0x04, 0x60, byte % 101],
            [0x07, 0x60, 0, 0, r.randrange(16), byte],
            [0x07, 0x20, 0, r.randrange(16), r.randrange(256), byte]]),
        "D5-00-01": lambda: [r.choice([8, 9])],
        "F6-02-01": lambda: [r.choice([0x30, 0x10, 0x50, 0x70])]}[profile]()
    return bytes(made), 0x30 if profile.startswith("F6") else 0


def main():
    r = random.Random(1)
    devices = []
    for profile, share in MIX:
        for _ in range(share):
            devices.append((0x01800000 + 0x1357 * len(devices), profile))
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write("sender,profile,name\n")
        for i, (sender, profile) in enumerate(devices):
            file.write(f"{sender:08X},{profile},device-{i:02}\n")
    with open(sys.argv[2], "wb") as file:
        for _ in range(int(sys.argv[3])):
            sender, profile = r.choice(devices)
            body, status = payload(profile, r)
            file.write(packet(
                RADIO, bytes([int(profile[:2], 16)]) + body +
                sender.to_bytes(4, "big") + bytes([status]),
                bytes([1, 255, 255, 255, 255, r.randrange(40, 95), 0])))


if __name__ == "__main__":
    main()
