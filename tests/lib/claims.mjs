// Claims, made by hand from a claim that a worker made: what an attacker would do. A worker's claim does not show its
// states: a run here is `{ claim, states }`, with those that the tools compute.

import { stringToU8a, u8aConcat, u8aToHex } from '@polkadot/util';
import { blake2AsU8a } from '@polkadot/util-crypto';
import { callInBlock } from './chain.mjs';
import { hash, memoryRoot, TAG } from './memory.mjs';

/** Above so many steps a claim hides its trace. */
const MAX_PUBLIC_STEPS = 64;
const REVEAL_LEVELS = 10;

function littleEndian(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** The tree over the state hashes of a run. Its leaves are bound to the provider and the job. */
export class Trace {
  /**
   * @param {{provider: import('@polkadot/keyring/types').KeyringPair, job: number}} author
   * @param {Uint8Array[]} states
   */
  constructor({ provider, job }, states) {
    let padding = hash(TAG.tracePadding);
    let nodes = states.map((state, index) =>
      hash(TAG.traceLeaf, provider.publicKey, littleEndian(job), littleEndian(index), state));
    this.levels = [nodes];
    this.padding = [padding];
    while (nodes.length > 1) {
      const pairs = nodes.flatMap((node, index) => (index % 2 ? [] : [[node, nodes[index + 1] ?? padding]]));
      nodes = pairs.map(([left, right]) => hash(TAG.traceNode, left, right));
      padding = hash(TAG.traceNode, padding, padding);
      this.levels.push(nodes);
      this.padding.push(padding);
    }
  }

  get root() {
    return this.levels.at(-1)[0];
  }

  /** The siblings of a leaf, lowest first. */
  path(leaf) {
    const below = this.levels.slice(0, -1);
    return below.map((nodes, height) => nodes[(leaf >> height) ^ 1] ?? this.padding[height]);
  }

  /** What a reveal of a node shows. */
  below({ height, index }) {
    const levels = Math.min(height, REVEAL_LEVELS);
    return this.levels[height - levels].slice(index << levels, (index + 1) << levels);
  }

  /** How a claim opens it. */
  get opening() {
    const [leaves] = this.levels;
    const last = leaves.length - 1;
    if (last <= MAX_PUBLIC_STEPS) return { whole: leaves.map((leaf) => u8aToHex(leaf)) };
    const [first, end] = [0, last].map((leaf) => this.path(leaf).map((node) => u8aToHex(node)));
    return { ends: { first, last: end } };
  }
}

/** The claim in block `number` for `job`, as plain JSON. */
export async function claimInBlock(api, number, job) {
  const found = await callInBlock(api, number, api.tx.jobs.claim, ([ofJob]) => ofJob.toNumber() === job);
  if (!found) throw new Error(`block ${number} has no claim for job ${job}`);
  return found[1].toJSON();
}

/** The claim of a run with these states, and its trace. */
function claimOf(claim, author, states) {
  const trace = new Trace(author, states);
  const { root, opening } = trace;
  return { trace, claim: { ...claim, steps: states.length - 1, traceRoot: u8aToHex(root), opening } };
}

const INVENTED = new Uint8Array(32).fill(0xee);

/** A copy of a list with another value in one place. */
export const replaced = (list, index, value) => list.map((old, at) => (at === index ? value : old));

/** The same run, claimed by another provider or for another job. */
export const claimedBy = ({ claim, states }, author) => claimOf(claim, author, states).claim;

/** The same, with one state that is another one: the chain cannot tell without running a step. */
export function falselyClaimedBy({ claim, states }, { step, ...author }) {
  return claimOf(claim, author, replaced(states, step + 1, INVENTED)).claim;
}

/**
 * A run of `steps` steps that goes astray after `step`, and comes to the same end. Its claim hides its trace.
 * @returns {{claim: object, trace: Trace}}
 */
export function longClaimBy({ claim, states }, { step, steps, ...author }) {
  const astray = Array(steps - step - 1).fill(INVENTED);
  return claimOf(claim, author, [...states.slice(0, step + 1), ...astray, states.at(-1)]);
}

/** The same run with another output, up to a chunk of it: only its last step is false. */
export function answeredOtherwise(api, { claim, states }, output, author) {
  const nodes = claim.output.nodes.map((node) => ('chunk' in node ? { chunk: u8aToHex(output) } : node));
  const end = { ...claim.end, memoryRoot: u8aToHex(memoryRoot(nodes)) };
  const state = hash(TAG.state, typed(api, { ...claim, end }).end.toU8a());
  return claimOf({ ...claim, end, output: { nodes } }, author, replaced(states, states.length - 1, state)).claim;
}

const typed = (api, claim) => api.createType(api.tx.jobs.claim.meta.args[1].type.toString(), claim);

/** The transaction that submits a claim, signed by a worker key. */
export function claimCall(api, worker, job, claim) {
  const bytes = typed(api, claim).toU8a();
  const engine = api.consts.jobs.engineVersion.toU8a();
  const payload = u8aConcat(stringToU8a('assay:claim'), api.genesisHash, engine, littleEndian(job), bytes);
  return api.tx.jobs.claim(job, claim, worker.sign(blake2AsU8a(payload, 256)));
}
