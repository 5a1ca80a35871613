// Drives the sandbox with the JavaScript SDK: what must work, and every refusal of ../refusals.json with its codes.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { cases } from "./cases.mjs";
import { refusals } from "./refusals.mjs";
import { sandbox } from "./sandbox.mjs";
import { World } from "./world.mjs";

const CASE_SECONDS_MAX = 60;

const table = JSON.parse(readFileSync(new URL("../refusals.json", import.meta.url)));

function inTime(name, work) {
  let timer;
  const over = new Promise((_, failed) => {
    timer = setTimeout(() => failed(new Error(`over ${CASE_SECONDS_MAX} s`)), CASE_SECONDS_MAX * 1000);
  });
  return Promise.race([work(), over]).finally(() => clearTimeout(timer));
}

const network = await sandbox();
let passed = 0;
const failed = [];
try {
  const world = await inTime("the world", () => World.begin(network.url));
  const provoked = refusals(world);
  // The refusals first: they leave the world as it is.
  const all = new Map();
  for (const name of new Set([...Object.keys(table), ...Object.keys(provoked)])) {
    all.set(`refused: ${name}`, async () => {
      assert.ok(table[name], "not in refusals.json");
      assert.ok(provoked[name], "in refusals.json only");
      assert.deepEqual(await world.codes(await provoked[name]()), table[name]);
    });
  }
  for (const [name, work] of Object.entries(cases(world))) all.set(name, work);
  for (const [name, work] of all) {
    try {
      await inTime(name, work);
      passed += 1;
    } catch (error) {
      failed.push(name);
      console.error(`FAILED ${name}\n`, error?.response?.data ?? "", error);
    }
  }
} finally {
  network.stop();
}
console.log(`javascript SDK: ${passed} cases passed${failed.length ? `, ${failed.length} FAILED: ${failed.join("; ")}` : ""}`);
process.exit(failed.length || !passed ? 1 : 0);
