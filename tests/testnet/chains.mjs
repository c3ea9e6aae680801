// The specs of the two chains. The parachain is a part of the relay chain's genesis: nobody has to register it.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { binary } from '../lib/node.mjs';
import { FOLDER, relayBinary } from './folder.mjs';

/** The folder of the specs, and their files. */
export const SPECS = join(FOLDER, 'chains');
export const RELAY_CHAIN = join(SPECS, 'relay.json');
export const PARACHAIN = join(SPECS, 'parachain.json');

const PRESET = 'rococo-local';

/** Output of a program, as text. */
function output(program, ...parameters) {
  const { status, stdout, stderr } = spawnSync(program, parameters, { maxBuffer: 1 << 28 });
  if (status === 0) return stdout.toString();
  // It may say the whole spec.
  throw new Error(`${program} ${parameters.join(' ')} failed: ${stderr.toString().slice(0, 400)}`);
}

/** Makes both specs. */
export function makeSpecs() {
  mkdirSync(SPECS, { recursive: true });
  const node = binary('assay-node');
  writeFileSync(PARACHAIN, output(node, 'export-chain-spec', '--chain', 'local', '--raw'));
  const { para_id: number } = JSON.parse(readFileSync(PARACHAIN));
  const plain = join(SPECS, 'relay.plain.json');
  const relay = JSON.parse(output(relayBinary(), 'export-chain-spec', '--chain', PRESET));
  relay.genesis.runtimeGenesis.patch.paras = { paras: [[number, genesisOf(node)]] };
  writeFileSync(plain, JSON.stringify(relay));
  writeFileSync(RELAY_CHAIN, output(relayBinary(), 'export-chain-spec', '--chain', plain, '--raw'));
}

function genesisOf(node) {
  return {
    genesis_head: output(node, 'export-genesis-head', '--chain', PARACHAIN).trim(),
    validation_code: output(node, 'export-genesis-wasm', '--chain', PARACHAIN).trim(),
    parachain: true,
  };
}
