// The nodes' processes. They go on when the program that started them has ended, so what is known of them is in files.

import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../lib/wait.mjs';
import { command } from './nodes.mjs';

const SECONDS_TO_END = 20;

const pidFile = (node) => join(node.folder, 'pid');

/** The number of a node's process, or undefined where it does not run. */
export function pidOf(node) {
  if (!existsSync(pidFile(node))) return undefined;
  const pid = Number(readFileSync(pidFile(node)));
  return isOf(node, pid) ? pid : undefined;
}

// Another process may have the number of one that has ended.
function isOf(node, pid) {
  try {
    return execFileSync('ps', ['-ww', '-o', 'command=', '-p', pid]).toString().includes(node.folder);
  } catch {
    return false;
  }
}

/** Starts a node, unless it runs. Returns whether it had to. The options are those of its `command`. */
export function start(node, options) {
  if (pidOf(node)) return false;
  mkdirSync(node.folder, { recursive: true });
  const [program, parameters] = command(node, options);
  const log = openSync(node.log, 'a');
  const child = spawn(program, parameters, { stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  child.on('error', (error) => {
    throw new Error(`${node.name}: ${error.message}`);
  });
  child.unref();
  writeFileSync(pidFile(node), `${child.pid}`);
  return true;
}

/** Ends a node in order, or by force if it takes too long. Returns whether it ran. */
export async function stop(node) {
  const pid = pidOf(node);
  if (!pid) return false;
  process.kill(pid, 'SIGTERM');
  // One that is stopped hears nothing until it goes on.
  process.kill(pid, 'SIGCONT');
  await ended(node, SECONDS_TO_END).catch(() => kill(node));
  rmSync(pidFile(node), { force: true });
  return true;
}

/** SIGKILL: no time to write anything down. */
export async function kill(node) {
  const pid = pidOf(node);
  if (!pid) return;
  process.kill(pid, 'SIGKILL');
  await ended(node, SECONDS_TO_END);
}

function ended(node, seconds) {
  return until(`${node.name} to end`, () => !pidOf(node), { seconds });
}

/** How many bytes a node has logged. */
export const logged = (node) => statSync(node.log).size;

/** What a node logged from a byte on. */
export const logSince = (node, byte) => readFileSync(node.log).subarray(byte).toString();

/** The last lines of a node's log. */
export function lastLines(node, count) {
  if (!existsSync(node.log)) return '';
  return execFileSync('tail', ['-n', count, node.log]).toString();
}
