// Traces of more than 64 steps are hidden until somebody asks. Who shows a false one loses by a proof, who shows none
// loses by silence, and who is right shows it and keeps everything.

import assert from 'node:assert/strict';
import { alice, balance, bob, charlie, dave, eventsSince, eve, height, submit, tokens } from '../lib/chain.mjs';
import { show, untilAsked, untilEnded, untilEvent } from '../lib/disputes.mjs';
import { journey } from '../lib/journey.mjs';
import { bobsClaim, claimHidden, openMarket } from '../lib/liar.mjs';
import { offer, publishFolding, untilJob } from '../lib/market.mjs';

/** So many steps that the tree over them has two reveals between its root and its leaves. */
const CLAIMED_STEPS = 1_500;
const STEPS = 60;
const FALSE_STEP = 41;

journey('a hidden trace', async ({ api, step }) => {
  const stakeOf = async ({ address }) => (await api.query.providers.providers(address)).unwrap().bonded.toBigInt();
  const lie = { step: FALSE_STEP, steps: CLAIMED_STEPS };
  const market = await openMarket({ api, step }, {
    steps: STEPS,
    maxSteps: CLAIMED_STEPS,
    times: { challengeWindow: 15, moveTime: 20, revealTime: 25 },
  });

  await step('a false trace that is shown is proven false', async () => {
    const { id, trace, firstBlock } = await claimHidden(api, market, lie);
    const asked = [];
    for (let reveals = 0; reveals < 2; reveals++) {
      const node = await untilAsked(api, id);
      asked.push(node.height);
      await show(api, charlie, id, node, trace);
    }
    assert.deepEqual(asked, [11, 1], 'each reveal goes ten levels down');
    const proof = await untilEvent(api, 'disputes.FraudProven', id, firstBlock);
    assert.equal(proof.step.toNumber(), FALSE_STEP);
    const [ended] = await untilEnded(api, id, firstBlock);
    assert.equal(ended.ending.type, 'ProvenFalse');
    assert.ok(ended.challenger.eq(proof.rewarded));
  });

  await step('a trace that is not shown counts as false', async () => {
    const before = { charlie: await stakeOf(charlie), dave: (await balance(api, dave)).all };
    const { id, firstBlock } = await claimHidden(api, market, lie);
    const [ended] = await untilEnded(api, id, firstBlock);
    assert.equal(ended.ending.type, 'Withheld');
    assert.ok(ended.returned.toBigInt() > 0n);
    assert.deepEqual(await eventsSince(api, 'disputes.FraudProven', firstBlock), []);
    const [{ slashed }] = await eventsSince(api, 'jobs.Disproved', firstBlock);
    assert.equal(before.charlie - (await stakeOf(charlie)), slashed.toBigInt());
    assert.ok((await balance(api, dave)).all > before.dave, 'Dave is compensated');
    assert.equal((await untilJob(api, id.job, 'Final')).status.asFinal.type, 'Expired');
  });

  await step('a right trace that is accused is shown by its node, and becomes final', async () => {
    const steps = 100;
    const long = await publishFolding(api, alice, { steps });
    await offer(api, bob, long, { perJob: tokens(api, 0.1) });
    const firstBlock = await height(api);
    const { job, claim: content } = await bobsClaim(api, long);
    const id = { job, attempt: 0 };
    await submit(api, api.tx.disputes.challenge(id), eve);
    const root = { height: 7, index: 0 };
    await submit(api, api.tx.disputes.ask(id, root, content.traceRoot, []), eve);
    const shown = await untilEvent(api, 'disputes.Shown', id, firstBlock);
    assert.equal(shown.hashes.toNumber(), steps + 1);
    const [ended] = await untilEnded(api, id, firstBlock);
    assert.equal(ended.ending.type, 'Abandoned');
    assert.ok(ended.forfeited.toBigInt() > 0n, 'Bob has the bond, less what is burnt');
    assert.equal((await untilJob(api, job, 'Final')).status.asFinal.type, 'Answered');
  });
});
