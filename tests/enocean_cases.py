#!/usr/bin/env python3
"""enocean_cases.py cases|generated|streams|events FILE - run
sg-proxy-enocean (in PATH) on the packets of FILE, JSON lines, and compare what
comes out.

cases: kind (radio if absent) says what is expected of the packet in hex, with
--telegrams.  Of a radio telegram eep, msg and expect are the profile, the
message and its fields by shortcut: raw, value (to 1e-6 of it), unit, label,
out_of_range.  With dir 2 it is a command, whose sender is a controller.
Fields that the case does not name may be there.

generated: the same, where only eep, msg, expect and dir are said.

streams: hex has senders' telegrams amid whatever bytes; all of them come out.

events: each telegram gives nothing but quantities of share/quantities.csv, of
the kind and in the unit that stand there.

Prints a line for each difference, and how many cases there were; exit status
1 if anything differs, or if there were none.
"""

import collections
import concurrent.futures
import csv
import json
import os
import re
import subprocess
import sys
import tempfile

from enocean_module import packet as esp3_packet

# What is written otherwise in events: SenML's symbols.
UNITS = {"°C": ("Cel",), "%": ("/100", "%RH", "%EL"), "cpm": ("1/min",),
         "rpm": ("1/min",)}
# A case takes the numbers of these bits for the values of their field.
BITS = {("D2-33-00", "ERF")}
PLAIN = ("sender", "dest", "status", "repeat", "subtel", "dbm", "security")


def address(text):
    return text.replace(":", "")


class Run:
    """The program on some bytes: events, messages, counts, and what is in
    the files of devices and keys after that."""

    def __init__(self, data, *options, rows=(), keys=(), source="-"):
        with tempfile.TemporaryDirectory() as folder:
            devices = os.path.join(folder, "devices.csv")
            secret = os.path.join(folder, "keys")
            self.fill(devices, ["sender,profile,name,options", *rows])
            self.fill(secret, keys)
            ran = subprocess.run(
                ["sg-proxy-enocean", "--devices", devices, "--keys", secret,
                 "--stats", *options, source], input=data,
                capture_output=True, timeout=60)
            self.devices, self.keys = self.rows(devices), self.rows(secret)
        self.status = ran.returncode
        self.events = [json.loads(line) for line in ran.stdout.splitlines()]
        lines = ran.stderr.decode().splitlines()
        self.messages = [line for line in lines if not line.startswith("{")]
        counts = [line for line in lines if line.startswith("{")]
        self.counts = json.loads(counts[-1]) if counts else {}

    @staticmethod
    def fill(path, lines):
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w",
                  encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)

    @staticmethod
    def rows(path):
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()

    def said(self, text):
        return any(text in line for line in self.messages)


def is_near(have, want):
    return have is not None and abs(have - want) <= 1e-6 * max(1, abs(want))


def unit_fits(have, want):
    return have == want or have in UNITS.get(want, ())


def field_differs(have, want):
    if have is None:
        return "absent"
    for member in ("raw", "label", "out_of_range"):
        if member in want and have.get(member) != want[member]:
            return f"{member} {have.get(member)}, not {want[member]}"
    if "value" in want and not is_near(have.get("value"), want["value"]):
        return f"value {have.get('value')}, not {want['value']}"
    if want.get("unit") and not unit_fits(have.get("unit"), want["unit"]):
        return f"unit {have.get('unit')}, not {want['unit']}"
    if want.get("out_of_range") and "value" in have:
        return f"value {have['value']}, out of range"
    return None


def telegram_differs(case, d):
    """The radio part, and the fields."""
    if d["rorg"] != case["rorg"]:
        yield f"rorg {d['rorg']}"
    for member in PLAIN:
        want = case.get(member)
        if isinstance(want, str):
            want = address(want)
        if want is not None and d.get(member) != want:
            yield f"{member} {d.get(member)}, not {want}"
    if "msg" in case and d.get("msg") != case["msg"]:
        yield f"msg {d.get('msg')}, not {case['msg']}"
    for shortcut, want in case.get("expect", {}).items():
        if (case.get("eep"), shortcut) in BITS:
            want = {"raw": want["raw"]}
        why = field_differs(d.get("fields", {}).get(shortcut), want)
        if why:
            yield f"{shortcut}: {why}"


def one_telegram(case, *options, rows=(), keys=()):
    """Its event's d, or a word on why there is none."""
    ran = Run(bytes.fromhex(case["hex"]), "--telegrams", *options, rows=rows,
              keys=keys)
    if ran.status != 0 or len(ran.events) != 1:
        return None, f"status {ran.status}, {len(ran.events)} events"
    topic = ran.events[0]["topic"]
    if topic != "STATUS/TELEGRAM/" + ("it" if rows
                                      else address(case["sender"])):
        return None, topic
    return ran.events[0]["d"], None


def radio(case):
    """A telegram of a known device, or of one that nobody knows."""
    options = "controller" if case.get("dir") == 2 else ""
    rows = []
    if "eep" in case:
        rows = [f"{address(case['sender'])},{case['eep']},it,{options}"]
    d, why = one_telegram(case, rows=rows)
    if why:
        yield why
    else:
        yield from telegram_differs(case, d)


def erp2(case):
    d, why = one_telegram(
        case, rows=[f"{address(case['sender'])},{case['eep']},it,"])
    if why:
        yield why
        return
    yield from telegram_differs(case, d)
    for shortcut, value in case["published"].items():
        if abs(d["fields"][shortcut]["value"] - value) > 0.05:
            yield f"{shortcut}: {d['fields'][shortcut]}, not {value}"


def teach_differs(want, got):
    """What the telegram tells of its sender, in the words of the case."""
    role = want.get("command", want.get("role", "query"))
    pairs = [("role", role), ("method", want["method"])]
    pairs += [(name, want.get(name)) for name in ("eep", "request")]
    if "manufacturer" in want:
        pairs.append(("manufacturer", want["manufacturer"][2:]))
    if want.get("response_expected"):
        pairs.append(("wants_answer", True))
    for name, value in pairs:
        if got.get(name) != value:
            yield f"teach.{name}: {got.get(name)}, not {value}"


def teach_in(case):
    """Told without --learn; with it the device is in the file, if the
    telegram says what it is."""
    sender, teach = address(case["sender"]), case["teach"]
    d, why = one_telegram(case)
    if why:
        yield why
    else:
        yield from telegram_differs(case, d)
        yield from teach_differs(teach, d.get("teach", {}))
    profile = "D5-00-01" if teach["method"] == "1BS" else teach.get("eep")
    is_query = teach.get("command", teach.get("role", "query")) == "query"
    ran = Run(bytes.fromhex(case["hex"]))
    if ran.events or is_query != ran.said(f"sender {sender} asks to be "
                                          "taught in"):
        yield f"{ran.events} {ran.messages}"
    if profile and is_query and not ran.said(profile):
        yield f"{profile} is not said: {ran.messages}"
    ran = Run(bytes.fromhex(case["hex"]), "--learn")
    want = [f"{sender},{profile},{sender},"] if profile and is_query else []
    if ran.devices[1:] != want:
        yield f"learned {ran.devices[1:]}, not {want}"


def secure(case):
    """Data is opened with the key and code that stand in the case; keys are
    learned from both halves of a teach-in."""
    told = case["secure"]
    sender = address(case["sender"])
    if told["step"].startswith("teach_in"):
        ran = Run(bytes.fromhex(case["hex"]), "--learn")
        if ran.events or ran.keys:
            yield f"half a teach-in: {ran.events} {ran.keys}"
        return
    keys = [f"{sender},{told['key']},{told['slf'][2:]},{told['rlc']}"]
    if told["step"].startswith("chain"):
        ran = Run(bytes.fromhex(case["hex"]), "--telegrams", keys=keys)
        if ran.events or ran.counts["chained"] != 1:
            yield f"part of a chain: {ran.events} {ran.counts}"
        return
    d, why = one_telegram(case, rows=[f"{sender},D2-03-00,it,"], keys=keys)
    if why:
        yield why
        return
    want = told.get("plain") or "32" + told["plain_nibble"]
    have = d["rorg"] + d["payload"]
    if have not in (want, "D2" + want[2:]):
        yield f"opened as {have}, not {want}"
    ran = Run(2 * bytes.fromhex(case["hex"]), "--telegrams",
              rows=[f"{sender},D2-03-00,it,"], keys=keys)
    if len(ran.events) != 1:
        yield "taken twice"
    ran = Run(bytes.fromhex(case["hex"]), rows=[f"{sender},D2-03-00,it,"],
              keys=[keys[0].replace(told["key"], "00" * 16)])
    if ran.events or ran.counts["refused"] != 1:
        yield "opened with another key"


def packet(case):
    """No telegram: counted, not more."""
    names = {2: "RESPONSE", 3: "RADIO_SUB_TEL", 4: "EVENT",
             5: "COMMON_COMMAND", 7: "REMOTE_MAN_COMMAND",
             16: "RADIO_802_15_4", 17: "COMMAND_2_4"}
    ran = Run(bytes.fromhex(case["hex"]), "--telegrams")
    if ran.status != 0 or ran.counts["in"] != 1 or \
            ran.counts["packet_" + names[case["packet_type"]]] != 1:
        yield f"status {ran.status}: {ran.counts}"
    if len(ran.events) != (case["packet_type"] == 3):
        yield f"{ran.events}"


def malformed(case):
    ran = Run(bytes.fromhex(case["hex"]), "--telegrams")
    if ran.events or ran.status != 0 or ran.counts["malformed"] != 1:
        yield f"status {ran.status}: {ran.events} {ran.counts}"


def invalid(case):
    """And the good packet after it is found."""
    good = bytes.fromhex("55000707017AF600002989792002FFFFFFFF4A0003")
    ran = Run(bytes.fromhex(case["hex"]) + good, "--telegrams")
    count = "bad_header" if case["error"] == "crc8h" else "bad_data"
    if len(ran.events) != 1 or ran.counts[count] < 1:
        yield f"{ran.events} {ran.counts}"


CHECKS = {"radio": radio, "erp2": erp2, "teach_in": teach_in,
          "secure": secure, "malformed": malformed, "invalid": invalid,
          "response": packet, "event": packet, "command": packet,
          "remote_man": packet, "radio_802_15_4": packet,
          "command_2_4": packet, "radio_sub_tel": packet}


def check_case(case):
    yield from CHECKS[case.get("kind", "radio")](case)


def parts(case):
    """Of the telegram in a packet: data, optional data."""
    data = bytes.fromhex(case["hex"])
    end = 6 + (data[1] << 8 | data[2])
    return data[6:end], data[end:-1]


def together(cases, *options):
    """All in one process, each of a device of its own, named by its place."""
    stream, rows = b"", []
    for i, case in enumerate(cases):
        data, opt = parts(case)
        sender = 0x01000000 + i
        stream += esp3_packet(
            1, data[:-5] + sender.to_bytes(4, "big") + data[-1:], opt)
        rows.append(f"{sender:08X},{case['eep']},{i}," +
                    ("controller" if case.get("dir") == 2 else ""))
    return Run(stream, "--window", "0", *options, rows=rows)


def check_generated(cases):
    """These do not say what a packet tells by itself."""
    ran = together(cases, "--telegrams")
    found = {event["topic"].split("/")[-1]: event["d"]
             for event in ran.events}
    if ran.status != 0 or ran.messages:
        yield {"id": "all"}, f"status {ran.status}: {ran.messages}"
    for i, case in enumerate(cases):
        rorg = f"{parts(case)[0][0]:02X}"
        for why in telegram_differs({**case, "rorg": rorg},
                                    found.get(str(i), {"rorg": None})):
            yield case, why


def check_stream(case):
    ran = Run(bytes.fromhex(case["hex"]), "--telegrams", "--window", "0")
    have = collections.Counter(e["d"]["sender"] for e in ran.events)
    want = {address(a): n for a, n in case["senders"].items()}
    if have != want:
        yield f"{dict(have)}, not {want}"
    if ran.counts["in"] != len(case["frames"]):
        yield f"{ran.counts['in']} packets, not {len(case['frames'])}"


def registry():
    path = os.path.join(os.environ["SG_SHARE"], "quantities.csv")
    with open(path, encoding="utf-8") as file:
        rows = csv.DictReader(
            line for line in file if not line.startswith("#"))
        return {row["quantity"]: (row["unit"], row["kind"]) for row in rows}


QUANTITY = re.compile(
    r"MEASUREMENT/SENSOR/[0-9]+(?::[1-9][0-9]*)?/([A-Za-z0-9]+)")
VALUES = {"number": ("v", (int, float)), "bool": ("vb", bool),
          "text": ("vs", str)}


def event_differs(event, known):
    """From what is registered."""
    found = QUANTITY.fullmatch(event["topic"])
    unit, kind = known.get(found[1], (None, None)) if found else (None, None)
    if kind is None:
        return "not registered"
    name, types = VALUES[kind]
    if event.get("q") == "BAD":
        allowed = {"topic", "t", "q", "d"}
    else:
        allowed = {"topic", "t", name} | ({"u"} if unit else set())
        if not isinstance(event.get(name), types):
            return "not of its kind"
        if event.get("u", "") != unit:
            return f"unit {event.get('u')}, not {unit}"
    return None if set(event) == allowed else "other members"


def check_events(cases):
    cases = [case for case in cases
             if case.get("kind", "radio") == "radio" and "eep" in case]
    known = registry()
    ran = together(cases)
    if ran.status != 0 or ran.messages:
        yield {"id": "all"}, f"status {ran.status}: {ran.messages}"
    if len(ran.events) < len(cases):
        yield {"id": "all"}, f"{len(ran.events)} events"
    for event in ran.events:
        why = event_differs(event, known)
        if why:
            name = event["topic"].split("/")[2].split(":")[0]
            yield cases[int(name)], f"{event['topic']}: {why}"


def each(check):
    """A process for each case."""
    def check_all(cases):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for case, found in zip(cases, pool.map(
                    lambda c: list(check(c)), cases)):
                for why in found:
                    yield case, why
    return check_all


def main():
    check = {"cases": each(check_case), "streams": each(check_stream),
             "generated": check_generated, "events": check_events}[sys.argv[1]]
    with open(sys.argv[2], encoding="utf-8") as file:
        cases = [json.loads(line) for line in file]
    bad = 0
    for case, why in check(cases):
        print(f"{case['id']} {case.get('eep', '')}: {why}")
        bad += 1
    print(f"{len(cases)} cases, {bad} differences")
    return 1 if bad or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
