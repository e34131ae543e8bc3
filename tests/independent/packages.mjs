// The registry's own libraries, from the folder they were installed into.
import { createRequire } from "node:module";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto;

const require = createRequire(`${process.env.NODE_PACKAGES}/package.json`);

export const jose = require("jose");
export const canonicalize = require("canonicalize");
export const { x25519 } = require("@noble/curves/ed25519");
export const { chacha20poly1305 } = require("@noble/ciphers/chacha");
export const { sha256 } = require("@noble/hashes/sha256");
export const { hmac } = require("@noble/hashes/hmac");
