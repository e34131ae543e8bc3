#!/usr/bin/env python3
"""enocean_secure.py KEY CODE PLAIN - the payload of a secured telegram
(SEC_ENCAPS, 31) with security level F3: VAES, a code of 4 bytes that is sent,
CMAC of 4 bytes.  All in hexadecimal; the code steps up by one for each PLAIN
(RORG and payload).  The ciphers are those of openssl."""
import subprocess
import sys

IV = bytes.fromhex("3410DE8F1ABA3EFF9F5A117172EACABD")


def run(arguments, data):
    return subprocess.run(["openssl", *arguments], input=data, check=True,
                          capture_output=True).stdout


def encrypt(key, code, plain):
    start = bytes(a ^ b for a, b in zip(IV, code.ljust(16, b"\0")))
    stream, block = b"", bytes(16)
    while len(stream) < len(plain):
        block = run(["enc", "-aes-128-ecb", "-K", key, "-nopad"],
                    bytes(a ^ b for a, b in zip(start, block)))
        stream += block
    return bytes(a ^ b for a, b in zip(plain, stream))


def cmac(key, data):
    return bytes.fromhex(run(["mac", "-cipher", "AES-128-CBC", "-macopt",
                              "hexkey:" + key, "-in", "-", "CMAC"],
                             data).decode())


def main():
    key, first = sys.argv[1], int(sys.argv[2], 16)
    for step, plain in enumerate(sys.argv[3:]):
        code = (first + step).to_bytes(4, "big")
        sealed = encrypt(key, code, bytes.fromhex(plain)) + code
        print((sealed + cmac(key, b"\x31" + sealed)[:4]).hex().upper())


if __name__ == "__main__":
    main()
