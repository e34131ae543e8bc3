#!/usr/bin/env python3
"""audit.py CHECK - print what in the tree breaks one of its rules.

Checks: layers, libraries, forbidden, contracts, examples, and options
MANUAL ROWS.  examples calls the programs in PATH.
Exit status 1 if anything is printed.
"""
import glob
import re
import shlex
import subprocess
import sys

# A room may use those of a lower rank; equal ranks do not know each other.
RANK = {"base": 0, "event": 1, "trust": 2, "bus": 3,
        "broker": 4, "grid": 4, "device": 4, "knowledge": 4}

# Third-party headers and the rooms in which one module knows them, or every
# module of a room that is there for the library's sake.  What begins alike
# (rule_value.c, rule_emit_part.h) is one module; headers for it alone end in
# _part.h.
LIBRARIES = {
    r"nng/": {"bus", "broker"},
    r"lmdb\.h": {"broker"},
    r"csv\.h": {"event"},
    r"j[qv]\.h": {"event", "grid"},
    r"sodium\.h": {"trust"},
    r"openssl/": {"trust"},
    r"zlib\.h": {"base"},
}
WHOLE_ROOMS = {(r"sodium\.h", "trust")}

FORBIDDEN = {
    r"\b(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atof|strtok)\s*\(":
        "unsafe function",
    r"\btypedef\b": "typedef",
    r"^[ \t]*#\s*define\s+\w+\(": "function-like macro",
}
# The library reports to its caller; these few print or end the process.
# (or a process of their own).
SPEAKS = {"lib/base/die.c", "lib/base/opt.c", "lib/base/child.c",
          "lib/grid/rule_stem.c", "lib/grid/rule_worker.c"}
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
            module = path.split("_")[0].removesuffix(".c")
            public = path.endswith(".h") and not path.endswith("_part.h")
            if public or room not in rooms:
                yield f"{path}: may not include {library}"
            elif ((library, room) not in WHOLE_ROOMS and
                  users.setdefault(room, module) != module):
                yield f"{path}: {library} is known to {users[room]} already"


def forbidden():
    for path in sources("lib/**/*.[ch]", "cmd/*.c", "tests/unit/*.c",
                        "tests/fuzz/*.c"):
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
    """Options in the manual's lists against those of --print-options."""
    documented = set()
    for line in text(manual).splitlines():
        if line.startswith(".It "):
            documented |= {"-" + word for words in
                           re.findall(r"\bFl (-?[\w-]+)|, (-[\w-]+)", line)
                           for word in words if word}
    have = set()
    for line in text(rows).splitlines():
        letter, name = line.split("\t")[:2]
        have |= {"--" + name} | ({"-" + letter} if letter else set())
    for name in sorted(have - documented):
        yield f"{manual}: does not describe {name}"
    for name in sorted(documented - have):
        yield f"{manual}: describes {name}, which does not exist"


def example_lines():
    """Lines that show how a program is called: (where, line)."""
    for path in sources("man/*.[1-8]"):
        part = text(path).split("\n.Sh EXAMPLES", 1)[-1].split("\n.Sh ")[0]
        if "\n.Sh EXAMPLES" not in text(path):
            continue
        for block in re.findall(r"^\.Bd [^\n]*\n(.*?)^\.Ed", part,
                                flags=re.M | re.S):
            block = re.sub(r"\\\n", " ", block.replace("\\e", "\\"))
            for line in block.replace("\\&", "").splitlines():
                yield path, re.sub(r"^[$>] ", "", line)
    for name in sources("cmd/*.c"):
        name = name[4:-2]
        out = subprocess.run([name, "--help"], text=True, check=True,
                             capture_output=True).stdout
        for line in out.split("\nexamples:\n")[-1].splitlines():
            yield f"{name} --help", line.strip()


def rows_of(program):
    out = subprocess.run([program, "--print-options"], text=True,
                         check=True, capture_output=True).stdout
    letters, names = {}, {}
    for line in out.splitlines():
        letter, name, kind = line.split("\t")[:3]
        takes = kind not in ("flag", "count")
        names[name] = takes
        if letter:
            letters[letter] = takes
    return letters, names


def wrong_options(words, letters, names):
    """What an example's words have that is no option of its program."""
    skip = False
    for word in words:
        if skip or not re.match(r"-\w|--\w", word):
            skip = False
        elif word.startswith("--"):
            name, _, value = word[2:].partition("=")
            if name not in names:
                yield word
            skip = names.get(name, False) and not value
        else:
            for i, letter in enumerate(word[1:], 1):
                if letter not in letters:
                    yield word
                    break
                if letters[letter]:
                    skip = i == len(word) - 1
                    break


def examples():
    """Examples call programs by options that they have."""
    rows = {name[4:-2]: rows_of(name[4:-2]) for name in sources("cmd/*.c")}
    for where, line in example_lines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.commenters = ""
        try:
            words = list(lexer)
        except ValueError:
            continue    # a quote that goes on in the next line
        for i, word in enumerate(words):
            if word not in rows or (i > 0 and words[i - 1] == "man"):
                continue
            end = next((k for k in range(i, len(words))
                        if re.fullmatch(r"[();<>|&]+", words[k])), len(words))
            for bad in wrong_options(words[i + 1:end], *rows[word]):
                yield f"{where}: {word} has no {bad}: {line}"


def main():
    checks = {f.__name__: f for f in
              (layers, libraries, forbidden, contracts, options, examples)}
    found = list(checks[sys.argv[1]](*sys.argv[2:]))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
