// Where the test network keeps its state, and where its programs are.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CACHE } from '../lib/node.mjs';

/** All state of the network is in this folder. */
export const FOLDER = resolve(process.env.ASSAY_TESTNET || join(CACHE, 'testnet'));

/** The relay chain's node, with the programs that it needs beside it. */
export function relayBinary() {
  const path = process.env.POLKADOT ?? join(CACHE, 'relay/bin/polkadot');
  for (const file of [path, ...['prepare', 'execute'].map((kind) => join(path, `../polkadot-${kind}-worker`))]) {
    if (!existsSync(file)) throw new Error(`${file} is missing: scripts/relay.sh builds it, or POLKADOT names another`);
  }
  return path;
}
