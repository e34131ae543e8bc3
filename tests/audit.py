#!/usr/bin/env python3
"""audit.py CHECK - print what in the tree breaks one of its rules.

Checks: layers, libraries, forbidden, contracts, options MANUAL ROWS.
Exit status 1 if anything is printed.
"""
import glob
import re
import subprocess
import sys

# A room may use those of a lower rank; equal ranks do not know each other.
RANK = {"base": 0, "event": 1, "trust": 2, "bus": 3,
        "broker": 4, "grid": 4, "device": 4, "knowledge": 4}

# Third-party headers and the rooms in which one module knows them.
LIBRARIES = {
    r"nng/": {"bus", "broker"},
    r"lmdb\.h": {"broker"},
    r"csv\.h": {"event"},
    r"j[qv]\.h": {"event", "grid"},
    r"sodium\.h": {"trust"},
}

FORBIDDEN = {
    r"\b(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atof|strtok)\s*\(":
        "unsafe function",
    r"\btypedef\b": "typedef",
    r"^[ \t]*#\s*define\s+\w+\(": "function-like macro",
}
# The library reports to its caller; these few print or end the process.
SPEAKS = {"lib/base/die.c", "lib/base/opt.c"}
SPEECH = r"(?<![\w.>])(printf|fprintf|puts|putchar|perror|exit|_exit|abort)\s*\("


def text(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def without_comments(source):
    """The source with comments and strings blanked, lines kept."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, source,
                  flags=re.S)


def sources(*patterns):
    return sorted(f for p in patterns for f in glob.glob(p, recursive=True))


def includes(path):
    for number, line in enumerate(text(path).splitlines(), 1):
        m = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if m:
            yield number, m.group(1), m.group(2)


def layers():
    for path in sources("lib/**/*.[ch]"):
        room = path.split("/")[1]
        for number, quote, name in includes(path):
            if quote != '"':
                continue
            other = name.split("/")[0]
            if "/" not in name or other not in RANK:
                yield f'{path}:{number}: "{name}" is not "room/module.h"'
            elif other != room and RANK[other] >= RANK[room]:
                yield f"{path}:{number}: {room} may not use {other}"


def libraries():
    for library, rooms in LIBRARIES.items():
        users = {}
        for path in sources("lib/**/*.[ch]", "cmd/*.c"):
            if not any(quote == "<" and re.match(library, name)
                       for _, quote, name in includes(path)):
                continue
            room = path.split("/")[1] if path.startswith("lib/") else "cmd"
            if path.endswith(".h") or room not in rooms:
                yield f"{path}: may not include {library}"
            elif users.setdefault(room, path) != path:
                yield f"{path}: {library} is known to {users[room]} already"


def forbidden():
    for path in sources("lib/**/*.[ch]", "cmd/*.c", "tests/**/*.c"):
        rules = dict(FORBIDDEN)
        if path.startswith("lib/") and path not in SPEAKS:
            rules[SPEECH] = "the library prints or exits"
        code = without_comments(text(path))
        for number, line in enumerate(code.splitlines(), 1):
            for pattern, why in rules.items():
                if re.search(pattern, line):
                    yield f"{path}:{number}: {why}: {line.strip()}"


def contracts():
    """A block with a prototype begins with a comment, or an earlier comment
    tells of the function; ends explain themselves."""
    for path in sources("lib/**/*.h"):
        number = 1
        told = " ".join(re.findall(r"/\*.*?\*/", text(path), flags=re.S))
        for block in re.split(r"\n(?=\n)", text(path)):
            code = without_comments(block)
            names = re.findall(r"^[a-z][\w *]*\b(\w+)\([^;{]*\)[^;{]*;",
                               code, flags=re.M)
            names = [n for n in names
                     if not re.search(r"_(fini|free|close)$", n)
                     and n + "(" not in told]
            if names and not block.strip().startswith("/*"):
                yield f"{path}:{number}: no contract: {names[0]}()"
            number += block.count("\n") + 1
        if not re.match(r"/\*", text(path)):
            yield f"{path}: does not say what its noun is"


def options(manual, rows):
    """Options of the rendered manual against those of --print-options."""
    page = subprocess.run(["mandoc", "-Tascii", manual], text=True,
                          capture_output=True, check=True).stdout
    page = re.sub(r".\x08", "", page)
    documented = set()
    for m in re.finditer(r"^ {2,}(?:(-\w)(?: \S+)?, )?(--[\w-]+)", page,
                         flags=re.M):
        documented |= {name for name in m.groups() if name}
    have = set()
    for line in text(rows).splitlines():
        letter, name = line.split("\t")[:2]
        have |= {"--" + name} | ({"-" + letter} if letter else set())
    for name in sorted(have - documented):
        yield f"{manual}: does not describe {name}"
    for name in sorted(documented - have):
        yield f"{manual}: describes {name}, which does not exist"


def main():
    checks = {f.__name__: f for f in
              (layers, libraries, forbidden, contracts, options)}
    found = list(checks[sys.argv[1]](*sys.argv[2:]))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
