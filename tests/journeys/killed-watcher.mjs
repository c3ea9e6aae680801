// The node that watches is killed in the middle of a dispute, twice. Started again it goes on where the chain is.

import assert from 'node:assert/strict';
import { charlie, connect, eventsSince } from '../lib/chain.mjs';
import { show, untilAsked, untilEnded, untilEvent } from '../lib/disputes.mjs';
import { journey } from '../lib/journey.mjs';
import { claimHidden, openMarket } from '../lib/liar.mjs';

const STEPS = 60;
const CLAIMED_STEPS = 1_500;
const FALSE_STEP = 19;

journey('a watcher killed in the middle of a dispute', async (world) => {
  const { node, step } = world;
  let { api } = world;
  const killAndStart = async () => {
    await api.disconnect();
    await node.kill();
    await node.start();
    api = world.api = await connect(node.url);
  };

  const market = await openMarket({ api, step }, {
    steps: STEPS,
    maxSteps: CLAIMED_STEPS,
    times: { challengeWindow: 15, moveTime: 60, revealTime: 60 },
  });
  const { id, trace, firstBlock } = await step("Charlie's claim is false, and hides its trace", () =>
    claimHidden(api, market, { step: FALSE_STEP, steps: CLAIMED_STEPS }));

  await step('its node is killed when it has asked, and again when it was answered', async () => {
    const root = await untilAsked(api, id);
    await killAndStart();
    await show(api, charlie, id, root, trace);
    await killAndStart();
  });

  await step('it asks on, and proves the step', async () => {
    await show(api, charlie, id, await untilAsked(api, id), trace);
    const proof = await untilEvent(api, 'disputes.FraudProven', id, firstBlock);
    assert.equal(proof.step.toNumber(), FALSE_STEP);
    const [ended] = await untilEnded(api, id, firstBlock);
    assert.equal(ended.ending.type, 'ProvenFalse');
  });

  await step('it challenged once, and asked for each node once', async () => {
    assert.equal((await eventsSince(api, 'disputes.Challenged', firstBlock)).length, 1);
    assert.equal((await eventsSince(api, 'disputes.Asked', firstBlock)).length, 2);
  });
});
