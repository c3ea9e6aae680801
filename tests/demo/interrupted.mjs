// The demonstration as its users end it: the node goes on running until Ctrl-C, which stops it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { isTaken } from '../lib/node.mjs';

const MAIN = fileURLToPath(new URL('main.mjs', import.meta.url));
const RUNS_ON = /Ctrl-C stops it.*ws:\/\/127\.0\.0\.1:(\d+)/s;

const demonstration = spawn(process.execPath, [MAIN, 'answer'], { stdio: ['ignore', 'pipe', 'inherit'] });
process.once('exit', () => demonstration.kill());
const ended = once(demonstration, 'close');
let printed = '';
let port;
for await (const text of demonstration.stdout.setEncoding('utf8')) {
  process.stdout.write(text);
  printed += text;
  if (port || !RUNS_ON.test(printed)) continue;
  [, port] = printed.match(RUNS_ON);
  assert.ok(await isTaken(port), 'the node goes on running');
  demonstration.kill('SIGINT');
}
const [code] = await ended;
assert.match(printed, /All is well/);
assert.ok(port, 'it says where the node listens');
assert.equal(code, 0);
assert.equal(await isTaken(port), false, 'Ctrl-C stops the node');
