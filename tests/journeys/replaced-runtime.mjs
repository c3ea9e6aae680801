// The runtime's code is replaced between a claim and its proof, and the rules of money with it. The claim is judged by
// the rules that it came in by.

import assert from 'node:assert/strict';
import { hexToU8a, u8aConcat, u8aToHex } from '@polkadot/util';
import { ALL, alice, charlie, eventsSince, partOf, submit } from '../lib/chain.mjs';
import { show, untilAsked, untilEnded, untilEvent } from '../lib/disputes.mjs';
import { journey } from '../lib/journey.mjs';
import { claimHidden, openMarket } from '../lib/liar.mjs';
import { setParameters } from '../lib/market.mjs';
import { until } from '../lib/wait.mjs';

const CODE = '0x3a636f6465';
const STEPS = 60;
const CLAIMED_STEPS = 1_500;
const FALSE_STEP = 33;

/** What decompressors skip: magic number, length, content. */
const SKIPPED = new Uint8Array([0x50, 0x2a, 0x4d, 0x18, 5, 0, 0, 0, 0x61, 0x73, 0x73, 0x61, 0x79]);

/** The same program in other bytes, so that nodes compile it anew. */
const inOtherBytes = (code) => u8aToHex(u8aConcat(hexToU8a(code), SKIPPED));

journey('a runtime that is replaced in the middle of a dispute', async ({ api, step }) => {
  const code = async () => (await api.rpc.state.getStorage(CODE)).toString();

  const market = await openMarket({ api, step }, {
    steps: STEPS,
    maxSteps: CLAIMED_STEPS,
    times: { challengeWindow: 15, moveTime: 60, revealTime: 60 },
  });
  const penalty = BigInt((await api.query.jobs.parameters()).toJSON().disproofPenalty);
  const { id, trace, firstBlock } = await step("Charlie's claim is false, and is asked about", async () => {
    const lie = await claimHidden(api, market, { step: FALSE_STEP, steps: CLAIMED_STEPS });
    await untilAsked(api, lie.id);
    return lie;
  });
  const assigned = await eventsSince(api, 'jobs.Assigned', firstBlock);
  const exposure = assigned.find(({ job }) => job.eq(id.job)).exposure.toBigInt();

  await step('the code is replaced, and the rules for new jobs with it', async () => {
    const replacement = inOtherBytes(await code());
    const call = api.tx.system.setCodeWithoutChecks(replacement);
    await submit(api, api.tx.sudo.sudoUncheckedWeight(call, { refTime: 0, proofSize: 0 }), alice);
    await until('the new code', async () => (await code()) === replacement);
    const other = penalty === ALL ? ALL / 2n : ALL;
    await setParameters(api, alice, { disproofPenalty: other });
  });

  await step('the claim is proven false, and costs what it did when it came in', async () => {
    for (let reveals = 0; reveals < 2; reveals++) await show(api, charlie, id, await untilAsked(api, id), trace);
    const proof = await untilEvent(api, 'disputes.FraudProven', id, firstBlock);
    assert.equal(proof.step.toNumber(), FALSE_STEP);
    const [{ slashed }] = await eventsSince(api, 'jobs.Disproved', firstBlock);
    assert.equal(slashed.toBigInt(), partOf(exposure, penalty));
    const [ended] = await untilEnded(api, id, firstBlock);
    assert.equal(ended.ending.type, 'ProvenFalse');
  });
});
