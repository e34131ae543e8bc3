// session.mjs HOST PORT DIR KEY NAME [MISTAKE] - open a session with the
// broker called NAME as sg-wire(7) describes it and print its answer to hello.
// CHAIN in the environment is a file of certificates to show instead of its own.
// MISTAKE: what to do wrong, of "network" (another one's prologue), "static"
// (a key that is not the certificate's), "handshake" and "data" (a bit of the
// last message is altered), "repeat" (a frame is sent twice).
import { connect } from "node:net";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { jose, x25519, chacha20poly1305, sha256, hmac } from "./packages.mjs";
import { readRoots, verifyChain } from "./documents.mjs";

const [host, port, dir, keyFile, name, mistake] = process.argv.slice(2);

const HS1 = 1, HS2 = 2, HS3 = 3, HS4 = 4, DATA = 5;
const empty = new Uint8Array(0);

// The symmetric state of Noise, revision 34, section 5.2.
class Symmetric {
	constructor(protocol, prologue) {
		this.h = this.ck = Buffer.from(protocol); // 32 characters
		this.mixHash(prologue);
	}
	mixHash(data) {
		this.h = sha256(Buffer.concat([this.h, data]));
	}
	derive(input) {
		const temp = hmac(sha256, this.ck, input);
		const one = hmac(sha256, temp, Uint8Array.of(1));
		const two = hmac(sha256, temp,
		    Buffer.concat([one, Uint8Array.of(2)]));
		return [one, two];
	}
	mixKey(input) {
		[this.ck, this.k] = this.derive(input);
		this.n = 0;
	}
	encrypt(plain) {
		const out = this.k ? seal(this.k, this.n++, this.h, plain) : plain;
		this.mixHash(out);
		return out;
	}
	decrypt(sealed) {
		const out = open(this.k, this.n++, this.h, sealed);
		this.mixHash(sealed);
		return out;
	}
}

function nonce(n) {
	const bytes = Buffer.alloc(12);
	bytes.writeBigUInt64LE(BigInt(n), 4);
	return bytes;
}

function seal(key, n, ad, plain) {
	return Buffer.from(chacha20poly1305(key, nonce(n), ad).encrypt(plain));
}

function open(key, n, ad, sealed) {
	return Buffer.from(chacha20poly1305(key, nonce(n), ad).decrypt(sealed));
}

function head(type, session = Buffer.alloc(8), counter = 0) {
	const bytes = Buffer.from([0x53, 0x47, 1, type, ...session,
	    0, 0, 0, 0, 0, 0, 0, 0]);
	bytes.writeBigUInt64LE(BigInt(counter), 12);
	return bytes;
}

// A frame of one record.
function recordAD(header) {
	return Buffer.concat([header, Buffer.from([0, 0, 0, 0, 1])]);
}

function sealFrame(key, session, counter, request, text) {
	const header = head(DATA, session, counter);
	const plain = Buffer.alloc(8 + text.length);
	plain.writeBigUInt64LE(BigInt(request));
	plain.write(text, 8);
	return Buffer.concat([header,
	    seal(key, counter, recordAD(header), plain)]);
}

function openFrame(key, session, type, request, frame) {
	const header = frame.subarray(0, 20);
	if (header[3] !== type || !header.subarray(4, 12).equals(session))
		throw new Error(`frame of type ${header[3]}, not ${type}`);
	const plain = open(key, header.readBigUInt64LE(12), recordAD(header),
	    frame.subarray(20));
	if (plain.readBigUInt64LE() !== BigInt(request))
		throw new Error("the answer to another request");
	return plain.subarray(8).toString();
}

// Requests and replies over SP/TCP.
class Wire {
	constructor(socket) {
		this.socket = socket;
		this.have = Buffer.alloc(0);
		this.request = 0x80000001;
		this.closed = false;
		this.wake = () => {};
		socket.on("data", (data) => {
			this.have = Buffer.concat([this.have, data]);
			this.wake();
		});
		const end = () => {
			this.closed = true;
			this.wake();
		};
		socket.on("close", end);
		socket.on("error", end);
		socket.write(Buffer.from([0, 0x53, 0x50, 0, 0, 0x30, 0, 0]));
	}
	async take(n) {
		while (this.have.length < n) {
			if (this.closed)
				throw new Error("connection closed");
			await new Promise((resolve) => (this.wake = resolve));
		}
		const out = this.have.subarray(0, n);
		this.have = this.have.subarray(n);
		return out;
	}
	async greet() {
		if ((await this.take(8)).toString("hex") !== "0053500000310000")
			throw new Error("no SP greeting of a replier");
	}
	async ask(body) {
		const lead = Buffer.alloc(12);
		lead.writeBigUInt64BE(BigInt(4 + body.length));
		lead.writeUInt32BE(this.request, 8);
		this.socket.write(Buffer.concat([lead, body]));
		const n = Number((await this.take(8)).readBigUInt64BE());
		const reply = await this.take(n);
		if (reply.readUInt32BE() !== this.request++)
			throw new Error("another request's reply");
		return reply.subarray(4);
	}
}

function flipLast(bytes) {
	bytes[bytes.length - 1] ^= 1;
}

async function handshake(wire, key, chain, roots) {
	const network = mistake === "network"
	    ? "A".repeat(43) : [...roots.keys()][0];
	const noise = new Symmetric("Noise_XX_25519_ChaChaPoly_SHA256",
	    Buffer.from(`sg/1\0${network}`));
	const e = x25519.utils.randomPrivateKey();
	const s = mistake === "static" ? x25519.utils.randomPrivateKey()
	    : jose.base64url.decode(key.enc.d);

	const e1 = x25519.getPublicKey(e);
	noise.mixHash(e1);
	noise.mixHash(empty);
	const hs2 = await wire.ask(Buffer.concat([head(HS1), e1]));
	if (hs2[3] !== HS2)
		throw new Error("no HS2");
	const re = hs2.subarray(20, 52);
	noise.mixHash(re);
	noise.mixKey(x25519.getSharedSecret(e, re));
	const rs = noise.decrypt(hs2.subarray(52, 100));
	noise.mixKey(x25519.getSharedSecret(e, rs));
	const payload = noise.decrypt(hs2.subarray(100)).toString();
	const broker = await verifyChain(
	    payload.slice(payload.indexOf("\n") + 1), roots);
	if (broker.role !== "broker" || !broker.names.includes(name))
		throw new Error(`the broker is ${broker.sub}`);
	if (!rs.equals(Buffer.from(jose.base64url.decode(broker.enc.x))))
		throw new Error("the broker's key is not its certificate's");

	const s3 = noise.encrypt(x25519.getPublicKey(s));
	noise.mixKey(x25519.getSharedSecret(s, re));
	const time = Math.floor(Date.now() / 1000);
	const p3 = noise.encrypt(Buffer.from(`{"time":${time}}\n${chain}`));
	if (mistake === "handshake")
		flipLast(p3);
	const session = Buffer.from(noise.h).subarray(0, 8);
	const [send, receive] = noise.derive(empty);
	const hs4 = await wire.ask(Buffer.concat([head(HS3), s3, p3]));
	const verdict = openFrame(receive, session, HS4, 0, hs4);
	if (!JSON.parse(verdict).ok)
		throw new Error(`refused: ${verdict.trim()}`);
	return { session, send, receive };
}

async function main(wire) {
	const key = JSON.parse(readFileSync(keyFile, "utf8"));
	const chain = readFileSync(process.env.CHAIN ??
	    join(dir, "certs", `${key.sub}.cert`), "utf8");
	await wire.greet();
	const { session, send, receive } =
	    await handshake(wire, key, chain, await readRoots(dir));
	const hello = sealFrame(send, session, 0, 7, '{"op":"hello","sg":1}');
	if (mistake === "data")
		flipLast(hello);
	const answer = openFrame(receive, session, DATA, 7,
	    await wire.ask(hello));
	if (mistake === "repeat")
		await wire.ask(hello);
	process.stdout.write(answer.endsWith("\n") ? answer : `${answer}\n`);
}

const socket = connect(Number(port), host);
const limit = setTimeout(() => socket.destroy(), 15000);
try {
	await main(new Wire(socket));
} catch (error) {
	console.error(`session: ${error.message}`);
	process.exitCode = 1;
}
clearTimeout(limit);
socket.destroy();
