// The machine's memory: hashes, roots and proofs.

import { hexToU8a, u8aConcat, u8aToHex } from '@polkadot/util';
import { blake2AsU8a } from '@polkadot/util-crypto';

/** What is hashed, so that nothing stands for something else. */
export const TAG = { memoryLeaf: 0, memoryNode: 1, state: 2, traceLeaf: 3, traceNode: 4, tracePadding: 5, program: 6 };

const CHUNK_LENGTH = 4096;
const MEMORY_LEVELS = 30;
/** Below the root of one of the four regions. */
const REGION_LEVELS = 28;

export const hash = (tag, ...parts) => blake2AsU8a(u8aConcat([tag], ...parts), 256);

const leaf = (bytes) => hash(TAG.memoryLeaf, Buffer.concat([bytes], CHUNK_LENGTH));

/** The hashes of what is all zeros, by level. */
const zeros = [leaf(new Uint8Array())];
while (zeros.length <= MEMORY_LEVELS) zeros.push(hash(TAG.memoryNode, zeros.at(-1), zeros.at(-1)));

/** The root of a memory of which a proof, as JSON, shows some chunks. */
export function memoryRoot(nodes) {
  const preorder = nodes[Symbol.iterator]();
  const root = (level) => {
    const [[kind, value]] = Object.entries(preorder.next().value);
    if (kind === 'zero') return zeros[level];
    if (kind === 'pruned') return hexToU8a(value);
    if (kind === 'chunk') return leaf(hexToU8a(value));
    return hash(TAG.memoryNode, root(level - 1), root(level - 1));
  };
  return root(MEMORY_LEVELS);
}

/** Params of one chunk: the root of their region, and the proof of the chunk. */
export function paramsOfOneChunk(bytes) {
  let root = leaf(bytes);
  for (let level = 0; level < REGION_LEVELS; level++) root = hash(TAG.memoryNode, root, zeros[level]);
  const branches = Array(MEMORY_LEVELS).fill({ branch: null });
  const siblings = Array(MEMORY_LEVELS).fill({ zero: null });
  return { root, proof: { nodes: [...branches, { chunk: u8aToHex(bytes) }, ...siblings] } };
}
