#!/usr/bin/env python3
"""A broker that cannot be trusted, as a filter.

compromised.py play SEED DONE [seals] <lines >lines
    Drops, repeats, reorders and alters 1 % each of the events (with seals of
    those lines, too) and writes what it did to DONE.
compromised.py judge DONE FINDINGS OUTPUT [loose]
    Is each of these deeds among the findings of sg-verify, and has nothing
    passed that was altered or repeated?  Loose: whatever it did may also be
    unproven, because a seal is missing.
"""
import json
import random
import sys


def name(line):
    event = json.loads(line)
    if "seq" in event:
        return [event["src"], event["ep"], event["seq"]]
    return None


def play(seed, done_path, seals):
    chance = random.Random(int(seed))
    done = {"drop": [], "repeat": [], "reorder": [], "alter": []}
    later = None
    lines = sys.stdin.readlines()
    for i, line in enumerate(lines):
        event = name(line)
        # What comes after the last seal nobody can vouch for.
        if event is None and (not seals or i == len(lines) - 1):
            sys.stdout.write(line)
            continue
        deed = chance.choices(
            ["drop", "repeat", "reorder", "alter", None], [1, 1, 1, 1, 96])[0]
        if later is None and deed is not None and event is not None:
            done[deed].append(event)
        if deed == "drop" and later is None:
            continue
        if deed == "alter" and later is None:
            line = line.replace('"t":1', '"t":2', 1)
        if deed == "reorder" and later is None:
            later = line
            continue
        sys.stdout.write(line)
        if deed == "repeat" and later is None:
            sys.stdout.write(line)
        if later is not None:
            sys.stdout.write(later)
            later = None
    if later is not None:
        sys.stdout.write(later)
    with open(done_path, "w") as out:
        json.dump(done, out)


def judge(done_path, findings_path, output_path, loose):
    done = json.load(open(done_path))
    said = {}
    for line in open(findings_path):
        f = json.loads(line)
        for i in range(f.get("n", 1)):
            key = (f.get("src"), f.get("ep"), f.get("seq", 0) + i)
            said.setdefault(key, set()).add(f["verdict"])
    passed = {}
    for line in open(output_path):
        event = name(line)
        if event is not None:
            key = tuple(event)
            passed[key] = passed.get(key, 0) + 1
            if '"t":2' in line:
                sys.exit("passed although altered: %s" % line)
    for key, times in passed.items():
        if times > 1:
            sys.exit("passed %d times: %s" % (times, key))
    wanted = {
        "drop": {"gap"},
        "alter": {"bad"},
        "repeat": {"replayed"},
        "reorder": {"reordered", "gap", "unproven"},
    }
    for deed, verdicts in wanted.items():
        verdicts = verdicts | ({"unproven"} if loose else set())
        if len(done[deed]) < 20:
            sys.exit("only %d of %s" % (len(done[deed]), deed))
        for event in done[deed]:
            if not said.get(tuple(event), set()) & verdicts:
                sys.exit("%s of %s was not found: %s" %
                         (deed, event, said.get(tuple(event))))


if __name__ == "__main__":
    if sys.argv[1] == "play":
        play(sys.argv[2], sys.argv[3], len(sys.argv) > 4)
    else:
        judge(*sys.argv[2:5], len(sys.argv) > 5)
