// Packages: what `assay pack` makes of a model.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { binary } from './node.mjs';

const MAGIC = 'ASSAYPK1';
const PREFIX = 12;

/** A path inside of this repository. */
export const inRepository = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/**
 * Packs an ONNX file of this repository.
 * @param {{name: string, description: string, license: string, labels: string[]}} about
 */
export function pack(onnx, about) {
  const folder = mkdtempSync(join(tmpdir(), 'assay-package-'));
  try {
    const file = join(folder, 'model.assay');
    const options = Object.entries(about).flatMap(([name, value]) => [`--${name}`, value.toString()]);
    const call = ['pack', inRepository(onnx), '--output', file, ...options];
    execFileSync(binary('assay'), call, { stdio: ['ignore', 'pipe', 'inherit'] });
    return readPackage(readFileSync(file));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Takes a package apart: the magic, the manifest's length, the manifest, the program, the params.
 * @param {Buffer} bytes
 */
export function readPackage(bytes) {
  if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) throw new Error('not a package');
  const programStart = PREFIX + bytes.readUInt32LE(MAGIC.length);
  const manifest = JSON.parse(bytes.toString('utf8', PREFIX, programStart));
  const paramsStart = programStart + manifest.program_len;
  return {
    manifest,
    program: bytes.subarray(programStart, paramsStart),
    params: bytes.subarray(paramsStart, paramsStart + manifest.params_len),
  };
}
