#!/usr/bin/env python3
"""tutorial.py PAGE - run the sessions of a manual page or of a Markdown file,
as they stand there.

In a literal block a line "$ COMMAND" is typed ("> " continues it) and the
lines after it are what has to come out; a line "..." stands for any lines.
All blocks of the page go to one shell.  Exit status 1 if anything differs.
"""
import re
import subprocess
import sys

LIMIT = 60      # seconds for the page
MARK = "-- next --"


def indented_lines(page):
    """The code blocks of Markdown; what comes before a session is dropped."""
    for line in page.splitlines():
        if line.startswith("    "):
            yield line[4:]


def literal_lines(page):
    """The literal blocks of mdoc."""
    inside = False
    for line in page.splitlines():
        if line.startswith(".Bd"):
            inside = True
        elif line.startswith(".Ed"):
            inside = False
        elif inside:
            line = re.sub(r"\\&", "", line)
            yield line.replace("\\e", "\\").replace("\\-", "-")


def sessions(lines):
    """Pairs of command and expected output."""
    found = []
    for line in lines:
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.startswith("> ") and found and not found[-1][1]:
            found[-1] = (found[-1][0] + "\n" + line[2:], [])
        elif found:
            found[-1][1].append(line)
    return found


def matches(want, got):
    pattern = "".join(r"(?:.*\n)*" if line == "..." else
                      re.escape(line) + r"\n" for line in want)
    return re.fullmatch(pattern, got) is not None


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        lines = indented_lines if sys.argv[1].endswith(".md") \
            else literal_lines
        steps = sessions(lines(f.read()))
    script = f"\necho '{MARK}'\n".join(command for command, _ in steps)
    ran = subprocess.run(["bash", "-c", "exec 2>&1\n" + script], text=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         timeout=LIMIT)
    outputs = ran.stdout.split(MARK + "\n")
    bad = 0
    for (command, want), got in zip(steps, outputs + [""] * len(steps)):
        if not matches(want, got):
            bad += 1
            print(f"$ {command}\nexpected:\n" + "\n".join(want) +
                  f"\ngot:\n{got}")
    if not steps:
        print("no sessions found")
    return 1 if bad or not steps else 0


if __name__ == "__main__":
    sys.exit(main())
