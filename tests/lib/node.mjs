// Starts, kills and restarts the real node.

import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync, existsSync, fstatSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, renameSync, rmSync,
  statSync, writeFileSync,
} from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './wait.mjs';

/** What the scripts keep between runs. */
export const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'assay');
const TARGET = process.env.CARGO_TARGET_DIR ?? join(CACHE, 'target');

/** A folder with all of this project's binaries, if they are not to be those of the target folder. */
const KEPT = process.env.ASSAY_BINARIES;

/** The folders of this project's binaries, below the target folder. */
const BINARIES = { 'assay-node': 'release', assay: 'cli/release' };

const CHAINS = join(CACHE, 'development-chains');

/** The path of one of this project's binaries. */
export function binary(name) {
  const path = join(KEPT ?? join(TARGET, BINARIES[name]), name);
  if (!existsSync(path)) throw new Error(`${path} is missing: build it with scripts/test.sh --only build`);
  return path;
}

/**
 * The development chain's spec with its genesis built, in a file. A node that is given it starts in a third of the
 * time, since it does not run the runtime to build the genesis again.
 */
function developmentChain() {
  const node = binary('assay-node');
  const name = `${statSync(node).mtimeMs}.json`;
  if (!existsSync(join(CHAINS, name))) {
    mkdirSync(CHAINS, { recursive: true });
    writeWhole(join(CHAINS, name), exportedChain(node));
    removeOtherChains(name);
  }
  return join(CHAINS, name);
}

function exportedChain(node) {
  const options = { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'pipe'] };
  return execFileSync(node, ['export-chain-spec', '--chain', 'dev', '--raw'], options);
}

/** Nobody sees a part of the file. */
function writeWhole(path, content) {
  const part = `${path}.${process.pid}`;
  try {
    writeFileSync(part, content);
    renameSync(part, path);
  } finally {
    rmSync(part, { force: true });
  }
}

/** Those of builds that are gone. */
function removeOtherChains(name) {
  const others = readdirSync(CHAINS).filter((other) => other.endsWith('.json') && other !== name);
  others.forEach((other) => rmSync(join(CHAINS, other), { force: true }));
}

/** Whether somebody listens on a TCP port of this machine. */
export function isTaken(port) {
  return new Promise((resolve) => {
    const socket = connectSocket(port, '127.0.0.1');
    socket.once('connect', () => resolve(socket.destroy() && true)).once('error', () => resolve(false));
  });
}

const running = new Set();
process.on('exit', () => running.forEach((node) => node.kill()));

/** A development node on its own data and its own ports. */
export class Node {
  /**
   * @param {object} [options]
   * @param {number} [options.rpcPort] one that the node finds free, each time that it starts, unless given
   * @param {number} [options.blockTime] milliseconds; the node's own default unless given
   * @param {boolean} [options.plain] whether it is started as users do, and builds its genesis itself
   */
  constructor({ rpcPort, blockTime, plain = false } = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'assay-chain-'));
    this.logFile = join(this.folder, 'node.log');
    this.wantedPort = rpcPort;
    this.blockTime = blockTime;
    this.plain = plain;
    /** Rejects if the node ends though nobody told it to. */
    this.died = new Promise((_, reject) => {
      this.reportDeath = reject;
    });
    this.died.catch(() => {});
  }

  /** Starts it, or starts it again on the data that it left behind. Resolves once it answers. */
  async start() {
    const log = openSync(this.logFile, 'a');
    const logged = fstatSync(log).size;
    this.process = spawn(binary('assay-node'), this.arguments(), { stdio: ['ignore', log, log] });
    closeSync(log);
    running.add(this);
    this.toldToEnd = false;
    this.ended = new Promise((resolve) => this.process.once('close', resolve));
    this.ended.then(() => this.hasEnded());
    const isUp = () => !running.has(this) || this.portSaidSince(logged);
    const port = await until('the node to answer', isUp, { seconds: 300 });
    if (!running.has(this)) throw new Error(`the node ended at once, see ${this.logFile}`);
    this.rpcPort = port;
    return this;
  }

  /** The port on which it listens, once it says so in its log, from a byte on. */
  portSaidSince(start) {
    const said = readFileSync(this.logFile).subarray(start).toString();
    const [, port] = said.match(/Running JSON-RPC server: addr=127\.0\.0\.1:(\d+)/) ?? [];
    return port && Number(port);
  }

  hasEnded() {
    running.delete(this);
    if (!this.toldToEnd) this.reportDeath(new Error(`the node ended by itself, see ${this.logFile}`));
  }

  arguments() {
    const blockTime = this.blockTime && ['--dev-block-time', this.blockTime];
    return [
      '--dev',
      ...(this.plain ? [] : ['--chain', developmentChain()]),
      ...['--base-path', join(this.folder, 'data')],
      ...['--rpc-port', this.wantedPort ?? 0],
      ...['--listen-addr', '/ip4/127.0.0.1/tcp/0'],
      ...['--no-prometheus', '--no-telemetry', '--no-hardware-benchmarks', '--no-mdns'],
      ...(blockTime ?? []),
    ].map(String);
  }

  get url() {
    return `ws://127.0.0.1:${this.rpcPort}`;
  }

  /** SIGKILL: no time to write anything down. */
  kill() {
    this.toldToEnd = true;
    this.process.kill('SIGKILL');
    return this.ended;
  }

  /** Ends it in order, or by force if it takes too long. */
  async stop() {
    if (!this.process) return;
    this.toldToEnd = true;
    this.process.kill('SIGTERM');
    const force = setTimeout(() => this.kill(), 15_000);
    await this.ended;
    clearTimeout(force);
  }

  /** Removes its data and its log. */
  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** All that it logged. */
  log() {
    return readFileSync(this.logFile, 'utf8');
  }

  lastLines(count = 20) {
    return this.log().trimEnd().split('\n').slice(-count).join('\n');
  }
}
