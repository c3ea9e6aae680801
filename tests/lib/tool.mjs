// The tool `assay`, run as a user runs it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binary } from './node.mjs';

/** What it exits with. */
export const EXIT = { done: 0, failed: 1, usage: 2, refused: 3, unreachable: 4, unanswered: 5, unknown: 6 };

/** The tool with a folder of its own, whose node is at `url`. */
export class Tool {
  constructor(url) {
    this.folder = mkdtempSync(join(tmpdir(), 'assay-tool-'));
    this.environment = { ...process.env, XDG_CONFIG_HOME: this.path('config'), ASSAY_URL: url };
  }

  path(name) {
    return join(this.folder, name);
  }

  remove() {
    rmSync(this.folder, { recursive: true });
  }

  /** Starts it. `ended` is what it printed and its exit code. */
  start(call, { environment = {}, input } = {}) {
    const env = { ...this.environment, ...environment };
    const child = spawn(binary('assay'), call.map(String), { env, cwd: this.folder, stdio: 'pipe' });
    const result = { out: '', error: '' };
    child.stdout.on('data', (text) => (result.out += text));
    child.stderr.on('data', (text) => (result.error += text));
    child.stdin.on('error', () => {}).end(input);
    const ended = new Promise((resolve) => child.once('close', (code) => resolve({ ...result, code })));
    return { child, ended };
  }

  /** What it prints, where it succeeds. */
  async text(call, options) {
    const { out, error, code } = await this.start(call, options).ended;
    assert.equal(code, EXIT.done, `assay ${call.join(' ')}: ${error}`);
    return out.trim();
  }

  /** What it prints as JSON. */
  async json(call, options) {
    return JSON.parse(await this.text([...call, '--json'], options));
  }

  /** It fails with an exit code and an error that matches. */
  async fails(call, code, error, options) {
    const ended = await this.start(call, options).ended;
    assert.equal(ended.code, code, `assay ${call.join(' ')}: ${ended.out}${ended.error}`);
    assert.match(ended.error, error);
    return ended;
  }
}
