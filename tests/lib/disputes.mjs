// What the parties of a dispute do.

import { u8aToHex } from '@polkadot/util';
import { callInBlock, eventsSince, height, submit } from './chain.mjs';
import { setParameters } from './market.mjs';
import { until } from './wait.mjs';

/** Sets the blocks of a dispute's moves, beside other rules of time and money, as root. */
export async function setTimes(api, root, { moveTime, revealTime, ...changes }) {
  const { dispute } = (await api.query.jobs.parameters()).toJSON();
  await setParameters(api, root, { ...changes, dispute: { ...dispute, moveTime, revealTime } });
}

/** Plancks that an account has on hold for its challenges. */
export async function bonded(api, { address }) {
  const holds = await api.query.balances.holds(address);
  const bonds = holds.filter(({ id }) => id.isDisputes);
  return bonds.reduce((sum, { amount }) => sum + amount.toBigInt(), 0n);
}

/** The nodes of a claim's tree that somebody waits for. */
export async function owed(api, claim) {
  const reveals = await api.call.disputesApi.owedReveals(claim);
  return reveals.map(({ node }) => ({ height: node.height.toNumber(), index: node.index.toNumber() }));
}

/** Shows a node of a trace. */
export function show(api, who, claim, node, trace) {
  const hashes = trace.below(node).map((hash) => u8aToHex(hash));
  return submit(api, api.tx.disputes.reveal(claim, node, hashes), who);
}

/** Waits until somebody asks for a node of a claim's tree, and returns it. */
export function untilAsked(api, claim) {
  return until('somebody to ask', async () => (await owed(api, claim))[0]);
}

/** Waits for an event about a claim, in a block from `first` on, and returns its data. */
export function untilEvent(api, name, claim, first, options) {
  const about = ({ claim: { job, attempt } }) => job.eq(claim.job) && attempt.eq(claim.attempt);
  return until(name, async () => (await eventsSince(api, name, first)).find(about), options);
}

/** How the challenges of a claim ended, once `count` of them have. */
export function untilEnded(api, claim, first, count = 1, options) {
  return until(`${count} challenges to end`, async () => {
    const ended = (await eventsSince(api, 'disputes.Ended', first)).filter((data) => data.claim.job.eq(claim.job));
    return ended.length >= count && ended;
  }, options);
}

/** The proof that a block has about a claim. */
export async function proofAbout(api, claim) {
  for (let number = await height(api); number > 0; number--) {
    const found = await callInBlock(api, number, api.tx.disputes.proveFraud, ([about]) => about.eq(claim));
    if (found) return found[1];
  }
  throw new Error('no block has a proof');
}
