// forge.mjs DIR SUBJECT ISSUER MEMBERS - print the chain of a certificate with
// other members, signed anew by the issuer's real key: what somebody can do
// who has stolen it.  "typ" of the signature is MEMBERS' jws, if it has one.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { lines, sign } from "./documents.mjs";

const [dir, subject, issuer, members] = process.argv.slice(2);

const read = (...path) => readFileSync(join(dir, ...path), "utf8");
const { jws = "sg-cert", ...changes } = JSON.parse(members);
const cert = JSON.parse(lines(read("certs", `${subject}.cert`))[0]);
const key = JSON.parse(read("keys", `${issuer}.key`));

Object.assign(cert, { iss: key.kid }, changes);
console.log(await sign(cert, jws, key));
if (issuer !== "root")
	process.stdout.write(read("certs", `${issuer}.cert`));
