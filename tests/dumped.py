#!/usr/bin/env python3
"""dumped.py PID KEYFILE - Search what a core dump of PID would hold.

Prints how many bytes were looked at and how often 16 bytes of a secret of the
key file (its own form and the decoded one) stand in them.  Memory that the
process has excluded from dumps (VmFlags dd) is left out, and searched apart:
the last number says how often the secrets stand there.
"""
import base64
import json
import re
import sys


def secrets(path):
    key = json.load(open(path))
    for text in (key["d"], key["enc"]["d"]):
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        for whole in (text.encode(), raw):
            for i in range(0, len(whole) - 15, 8):
                yield whole[i:i + 16]


def areas(pid):
    """(start, end, dumped) of each private area, not of the mapped store."""
    area = None
    for line in open(f"/proc/{pid}/smaps"):
        head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (r?)..(.)", line)
        if head:
            area = (int(head[1], 16), int(head[2], 16))
            readable = head[3] == "r" and head[4] == "p" and "[v" not in line
        elif line.startswith("VmFlags:") and readable:
            yield *area, " dd" not in line


def main():
    pid, wanted = int(sys.argv[1]), list(secrets(sys.argv[2]))
    looked, found, apart = 0, 0, 0
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for start, end, dumped in areas(pid):
            memory.seek(start)
            try:
                content = memory.read(end - start)
            except OSError:
                continue
            hits = sum(content.count(w) for w in wanted)
            if dumped:
                looked += len(content)
                found += hits
            else:
                apart += hits
    print(looked, found, apart)


main()
