// Claims, made by hand from a claim that a worker made: what an attacker would do.

import { stringToU8a, u8aConcat, u8aToHex } from '@polkadot/util';
import { blake2AsU8a } from '@polkadot/util-crypto';

const TAG = { traceLeaf: 3, traceNode: 4, tracePadding: 5 };

const hash = (tag, ...parts) => blake2AsU8a(u8aConcat([tag], ...parts), 256);

function littleEndian(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/**
 * The root over the state hashes of a run. Its leaves are bound to the provider and the job.
 * @param {{provider: Uint8Array, job: number}} author
 * @param {Uint8Array[]} states
 */
export function traceRoot({ provider, job }, states) {
  let nodes = states.map((state, index) =>
    hash(TAG.traceLeaf, provider, littleEndian(job), littleEndian(index), state));
  let padding = hash(TAG.tracePadding);
  while (nodes.length > 1) {
    const pairs = nodes.flatMap((node, index) => (index % 2 ? [] : [[node, nodes[index + 1] ?? padding]]));
    nodes = pairs.map(([left, right]) => hash(TAG.traceNode, left, right));
    padding = hash(TAG.traceNode, padding, padding);
  }
  return nodes[0];
}

/** The claim in block `number` for `job`, as plain JSON. */
export async function claimInBlock(api, number, job) {
  const { block } = await api.rpc.chain.getBlock(await api.rpc.chain.getBlockHash(number));
  const calls = block.extrinsics.map((extrinsic) => extrinsic.method);
  const found = calls.find((call) => api.tx.jobs.claim.is(call) && call.args[0].toNumber() === job);
  if (!found) throw new Error(`block ${number} has no claim for job ${job}`);
  return found.args[1].toJSON();
}

/** The same run, claimed by another provider or for another job. */
export function claimedBy(claim, { provider, job }) {
  const states = claim.opening.whole.map((state) => Buffer.from(state.slice(2), 'hex'));
  return { ...claim, traceRoot: u8aToHex(traceRoot({ provider: provider.publicKey, job }, states)) };
}

/** The same, with one state that is another one: the chain cannot tell without running a step. */
export function falselyClaimedBy(claim, { provider, job, step }) {
  const whole = claim.opening.whole.with(step + 1, `0x${'ee'.repeat(32)}`);
  return claimedBy({ ...claim, opening: { whole } }, { provider, job });
}

/** The transaction that submits a claim, signed by a worker key. */
export function claimCall(api, worker, job, claim) {
  const typed = api.createType(api.tx.jobs.claim.meta.args[1].type.toString(), claim);
  const payload = u8aConcat(stringToU8a('assay:claim'), api.genesisHash, littleEndian(job), typed.toU8a());
  return api.tx.jobs.claim(job, claim, worker.sign(blake2AsU8a(payload, 256)));
}
