// Any number of accounts challenge one claim, side by side. One answer serves them all, and each has its own end.

import assert from 'node:assert/strict';
import { alice, bob, charlie, dave, eve, eventsSince, ferdie, height, submit, tokens } from '../lib/chain.mjs';
import { bonded, show, untilAsked, untilEnded, untilEvent } from '../lib/disputes.mjs';
import { journey } from '../lib/journey.mjs';
import { bobsClaim, claimHidden, openMarket } from '../lib/liar.mjs';
import { offer, publishFolding, untilJob } from '../lib/market.mjs';

const STEPS = 60;
const CLAIMED_STEPS = 100;
const FALSE_STEP = 7;
/** The root of the tree over a hidden trace of 100 steps. */
const ROOT = { height: 7, index: 0 };

journey('four challengers', async ({ api, step }) => {
  const everybodyChallenges = (challengers, id) =>
    Promise.all(challengers.map((who) => submit(api, api.tx.disputes.challenge(id), who)));
  const everybodyAsks = (challengers, id, root) =>
    Promise.all(challengers.map((who) => submit(api, api.tx.disputes.ask(id, ROOT, root, []), who)));
  const challengersOf = (ended) => ended.map(({ challenger }) => challenger.toString()).sort();
  const addresses = (accounts) => accounts.map(({ address }) => address).sort();

  const market = await openMarket({ api, step }, {
    steps: STEPS,
    maxSteps: CLAIMED_STEPS,
    times: { challengeWindow: 20, moveTime: 20, revealTime: 25 },
  });

  await step('a false claim: all have their bonds back, and one of them the reward', async () => {
    const lie = { step: FALSE_STEP, steps: CLAIMED_STEPS };
    const { id, content, trace, firstBlock } = await claimHidden(api, market, lie);
    const three = [dave, eve, ferdie];
    const bonds = async () => (await Promise.all(three.map((who) => bonded(api, who)))).filter((bond) => bond > 0n);
    await everybodyChallenges(three, id);
    assert.equal((await bonds()).length, 3);
    await untilEvent(api, 'disputes.Asked', id, firstBlock);
    await everybodyAsks(three, id, content.traceRoot);
    await show(api, charlie, id, await untilAsked(api, id), trace);

    const proof = await untilEvent(api, 'disputes.FraudProven', id, firstBlock);
    const ended = await untilEnded(api, id, firstBlock, 4);
    const watcher = proof.prover.toString();
    assert.deepEqual(challengersOf(ended), [...addresses(three), watcher].sort());
    assert.ok(ended.every(({ ending }) => ending.isProvenFalse));
    assert.equal(proof.rewarded.toString(), watcher);
    assert.equal((await eventsSince(api, 'disputes.Shown', firstBlock)).length, 1);
    assert.deepEqual(await bonds(), []);
  });

  await step('a right claim: all lose their bonds, and it becomes final', async () => {
    const long = await publishFolding(api, alice, { steps: CLAIMED_STEPS });
    await offer(api, bob, long, { perJob: tokens(api, 0.1) });
    const firstBlock = await height(api);
    const { job, claim: content } = await bobsClaim(api, long);
    const id = { job, attempt: 0 };
    const four = [charlie, dave, eve, ferdie];
    await everybodyChallenges(four, id);
    await everybodyAsks(four, id, content.traceRoot);
    const ended = await untilEnded(api, id, firstBlock, 4);
    assert.deepEqual(challengersOf(ended), addresses(four));
    assert.ok(ended.every(({ ending }) => ending.isAbandoned));
    assert.equal((await eventsSince(api, 'disputes.Shown', firstBlock)).length, 1, 'one answer serves all');
    assert.equal((await untilJob(api, job, 'Final')).status.asFinal.type, 'Answered');
  });
});
