// verify.mjs chain|list|events DIR FILE... - check what the programs have
// signed; prints what was verified, exit 1 with the reason otherwise.
import { readFileSync } from "node:fs";
import { lines, readNetwork, readRoots, verifyChain, verifyEvent, verifyList }
    from "./documents.mjs";

const [what, dir, ...paths] = process.argv.slice(2);

const check = {
	async chain(text) {
		const cert = await verifyChain(text, await readRoots(dir));
		console.log(`${cert.role} ${cert.sub}`);
	},
	async list(text) {
		const list = await verifyList(text, await readNetwork(dir));
		console.log(`list ${list.num}`);
		for (const [serial, at, why] of list.rev)
			console.log(serial, at, why ?? "");
	},
	async events(text) {
		const known = await readNetwork(dir);
		for (const [i, line] of lines(text).entries())
			try {
				await verifyEvent(line, known);
			} catch (error) {
				throw new Error(`line ${i + 1}: ${error.message}`);
			}
		console.log(`events ${lines(text).length}`);
	},
};

try {
	for (const path of paths)
		await check[what](readFileSync(path, "utf8"));
} catch (error) {
	console.error(`verify: ${error.message}`);
	process.exitCode = 1;
}
