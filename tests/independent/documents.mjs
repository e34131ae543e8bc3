// Certificates, revocation lists and signed events, sg-cert(5), as somebody
// reads them who has the manuals and a JOSE library.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { jose, canonicalize } from "./packages.mjs";

function require(truth, message) {
	if (!truth)
		throw new Error(message);
}

export function lines(text) {
	return text.split("\n").filter((line) => line !== "");
}

function without(object, names) {
	return Object.fromEntries(
	    Object.entries(object).filter(([name]) => !names.includes(name)));
}

// The detached JWS in "sig" over the canonical form of the rest.
async function verifySignature(object, typ, leaveOut, jwk) {
	const [head, middle, signature] = object.sig.split(".");
	require(middle === "", "the signature is not detached");
	const payload = jose.base64url.encode(
	    canonicalize(without(object, ["sig", ...leaveOut])));
	const { protectedHeader } = await jose.flattenedVerify(
	    { protected: head, payload, signature },
	    await jose.importJWK(jwk, "EdDSA"),
	    { algorithms: ["EdDSA", "Ed25519"] });
	require(protectedHeader.typ === typ,
	    `typ is ${protectedHeader.typ}, not ${typ}`);
	const kid = await jose.calculateJwkThumbprint(jwk);
	require(protectedHeader.kid === kid, "kid is not the key's thumbprint");
}

function parseCanonical(line) {
	const object = JSON.parse(line);
	require(canonicalize(object) === line, "not in canonical form");
	return object;
}

export async function readRoots(dir) {
	const roots = new Map();
	for (const line of lines(readFileSync(join(dir, "root.cert"), "utf8"))) {
		const cert = parseCanonical(line);
		await verifySignature(cert, "sg-cert", [], cert.key);
		roots.set(await jose.calculateJwkThumbprint(cert.key), cert);
	}
	return roots;
}

// The leaf of a chain, every signature of which has been verified.
export async function verifyChain(text, roots, now = Date.now() / 1000) {
	const certs = lines(text).map(parseCanonical);
	require(certs.length >= 1 && certs.length <= 2, "length of the chain");
	for (const [i, cert] of certs.entries()) {
		const issuer = certs[i + 1] ?? roots.get(cert.iss);
		require(issuer, `${cert.iss} is no root`);
		require(issuer.role === "issuer", `${issuer.sub} is no issuer`);
		require(await jose.calculateJwkThumbprint(issuer.key) ===
		    cert.iss, "not the issuer's key");
		await verifySignature(cert, "sg-cert", [], issuer.key);
		require(cert.v === 1 && cert.typ === "sg-cert", "v and typ");
		require(cert.nbf - 120 <= now && now <= cert.exp, "expired");
		require(cert.exp - cert.nbf <= issuer.ca.maxttl, "maxttl");
	}
	return certs[0];
}

function files(dir, suffix) {
	return readdirSync(dir, { withFileTypes: true }).flatMap((entry) =>
	    entry.isDirectory() ? files(join(dir, entry.name), suffix)
		: entry.name.endsWith(suffix) ? [join(dir, entry.name)] : []);
}

// All certificates of a network's folder by the id of their key.
export async function readNetwork(dir) {
	const roots = await readRoots(dir);
	const known = new Map(roots);
	for (const file of files(join(dir, "certs"), ".cert")) {
		const cert = await verifyChain(readFileSync(file, "utf8"), roots);
		known.set(await jose.calculateJwkThumbprint(cert.key), cert);
	}
	return known;
}

export async function verifyList(text, known) {
	const list = parseCanonical(text.trimEnd());
	const issuer = known.get(list.iss);
	require(issuer?.role === "issuer", `${list.iss} is no issuer`);
	await verifySignature(list, "sg-crl", [], issuer.key);
	return list;
}

export async function verifyEvent(line, known) {
	const event = JSON.parse(line);
	const signer = known.get(event.kid);
	require(signer, `nobody has the key ${event.kid}`);
	await verifySignature(event, "sg-event", ["rt", "from", "pos"],
	    signer.key);
	require(event.src === signer.sub, `${event.src} is not ${signer.sub}`);
	return event;
}

// The document signed by a key file's key, whatever it says.
export async function sign(object, typ, key) {
	const { kty, crv, x, d } = key;
	const kid = await jose.calculateJwkThumbprint({ kty, crv, x });
	const rest = without(object, ["sig"]);
	const { protected: head, signature } = await new jose.FlattenedSign(
	    Buffer.from(canonicalize(rest)))
	    .setProtectedHeader({ alg: "EdDSA", kid, typ })
	    .sign(await jose.importJWK({ kty, crv, x, d }, "EdDSA"));
	return canonicalize({ ...rest, sig: `${head}..${signature}` });
}
