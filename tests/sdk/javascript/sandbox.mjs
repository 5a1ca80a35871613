// The sandbox that is driven: one that runs already, or one of our own on a free port.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../../target/debug/farmgate", import.meta.url));

/** Its URL, and how to stop it. */
export async function sandbox() {
  const running = process.env.FARMGATE_SANDBOX_URL;
  if (running) return { url: running, stop() {} };
  const program = process.env.FARMGATE_PROGRAM ?? PROGRAM;
  const child = spawn(program, ["sandbox", "--listen", "127.0.0.1:0", "--ledger-ms", "20"], {
    env: {},
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await new Promise((found, failed) => {
    child.once("error", failed);
    child.once("exit", (code) => failed(new Error(`${program} left with ${code}`)));
    createInterface({ input: child.stdout }).once("line", found);
  });
  child.removeAllListeners("exit");
  return { url, stop: () => child.kill() };
}
