// Packages: what `assay pack` makes of a model, and `assay run` runs.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hexToU8a, u8aToHex } from '@polkadot/util';
import { hash, TAG } from './memory.mjs';
import { binary } from './node.mjs';

const MAGIC = 'ASSAYPK1';
const PREFIX = 12;

/** A path inside of this repository. */
export const inRepository = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** The hash that names a program on chain. */
export const programHash = (code) => u8aToHex(hash(TAG.program, code));

/**
 * Packs an ONNX file of this repository.
 * @param {{name: string, description: string, license: string, labels: string[]}} about
 */
export function pack(onnx, about) {
  return inFolder((folder) => {
    const file = join(folder, 'model.assay');
    const options = Object.entries(about).flatMap(([name, value]) => [`--${name}`, value.toString()]);
    assay('pack', inRepository(onnx), '--output', file, ...options);
    return readPackage(readFileSync(file));
  });
}

/**
 * The hashes of the state before the first step of a run and after each: what its claim commits to.
 * @param {{manifest: {steps: number}, program: Buffer, params: Buffer}} what a package, or as much of one
 */
export function statesOf(what, input) {
  return inFolder((folder) => {
    const [packageFile, inputFile] = [join(folder, 'model.assay'), join(folder, 'input')];
    writeFileSync(packageFile, writtenPackage(what));
    writeFileSync(inputFile, input);
    const report = JSON.parse(assay('run', packageFile, '--input', inputFile, '--states', '--json'));
    return report.states.map((state) => hexToU8a(state));
  });
}

/** A package of which nobody has to know more than how it runs. */
function writtenPackage({ manifest: { steps }, program, params }) {
  const nothing = { name: '', description: '', license: '', labels: [], inputs: [], outputs: [] };
  const parts = {
    program_len: program.length, params_len: params.length, program_hash: programHash(program),
    source_hash: u8aToHex(new Uint8Array(32)),
  };
  return encodePackage({ manifest: { ...nothing, ...parts, steps }, program, params });
}

/** A package's file. */
export function encodePackage({ manifest, program, params }) {
  const text = Buffer.from(JSON.stringify(manifest));
  const length = Buffer.alloc(PREFIX - MAGIC.length);
  length.writeUInt32LE(text.length);
  return Buffer.concat([Buffer.from(MAGIC, 'latin1'), length, text, program, params]);
}

/**
 * What a publisher puts on the web of a package's params, and the root by which a version names them.
 * @returns {{root: string, params: Buffer, hashes: Buffer}}
 */
export function externalParams({ bytes }) {
  return inFolder((folder) => {
    const file = join(folder, 'model.assay');
    writeFileSync(file, bytes);
    assay('unpack', file, '--external', '--output', folder);
    const { params_root: root } = JSON.parse(assay('inspect', file, '--json'));
    const [params, hashes] = ['params', 'params.hashes'].map((name) => readFileSync(join(folder, name)));
    return { root, params, hashes };
  });
}

/** What the tool prints. */
function assay(...call) {
  return execFileSync(binary('assay'), call, { stdio: ['ignore', 'pipe', 'inherit'] }).toString();
}

/** Calls a function with a folder that is gone afterwards. */
function inFolder(use) {
  const folder = mkdtempSync(join(tmpdir(), 'assay-package-'));
  try {
    return use(folder);
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
    bytes,
    manifest,
    program: bytes.subarray(programStart, paramsStart),
    params: bytes.subarray(paramsStart, paramsStart + manifest.params_len),
  };
}
