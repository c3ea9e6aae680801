// The compute server beside a node: `assay serve`.

import { spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binary } from './node.mjs';
import { until } from './wait.mjs';

const running = new Set();
process.on('exit', () => running.forEach((server) => server.kill()));

/** A compute server with a folder of its own. */
export class ComputeServer {
  /** @param {{node: {rpcPort: number}}} beside the node that asks it */
  constructor({ node }) {
    this.node = node;
    this.folder = mkdtempSync(join(tmpdir(), 'assay-serve-'));
    this.logFile = join(this.folder, 'log');
    appendFileSync(this.logFile, '');
  }

  /** Starts it, or starts it again on what it kept. Resolves once the node knows it. */
  async start() {
    const since = this.log().length;
    const node = `http://127.0.0.1:${this.node.rpcPort}`;
    const options = ['serve', '--node', node, '--listen', '127.0.0.1:0', '--folder', this.folder];
    this.process = spawn(binary('assay'), options, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.process.stderr.on('data', (text) => appendFileSync(this.logFile, text));
    this.ended = new Promise((resolve) => this.process.once('close', resolve));
    running.add(this);
    await until('the node to know its server', () => this.log().slice(since).includes('asks this server'));
    return this;
  }

  /** SIGKILL: no time to write anything down. */
  async kill() {
    running.delete(this);
    this.process.kill('SIGKILL');
    await this.ended;
  }

  async remove() {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** All that it logged. */
  log() {
    return readFileSync(this.logFile, 'utf8');
  }

  token() {
    return readFileSync(join(this.folder, 'token'), 'utf8').trim();
  }
}
