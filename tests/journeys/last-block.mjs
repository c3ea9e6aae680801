// A challenge in the last block of the window is in time, and holds the claim until it is judged. The node is what
// `assay-node --dev` gives: a block in three seconds, long enough that what is sent right after one is in the next, and
// a worker key.

import assert from 'node:assert/strict';
import { u8aToHex } from '@polkadot/util';
import { charlie, eve, eventsSince, ferdie, height, reached, submit } from '../lib/chain.mjs';
import { falselyClaimedBy } from '../lib/claims.mjs';
import { untilEnded, untilEvent } from '../lib/disputes.mjs';
import { journey } from '../lib/journey.mjs';
import { claim, DEVELOPMENT_KEY, openMarket, requestOf } from '../lib/liar.mjs';
import { jobInfo } from '../lib/market.mjs';
import { refuses } from '../lib/refusals.mjs';

const STEPS = 20;
const FALSE_STEP = 5;
const WATCHED_SHARE = u8aToHex(new TextEncoder().encode('assay:watched-share'));
const NOTHING = '0x00000000';
const ALL = '0x00ca9a3b';

journey('a challenge in the last block of the window', async (world) => {
  const watch = (share) => world.api.rpc.offchain.localStorageSet('PERSISTENT', WATCHED_SHARE, share);
  try {
    await inTheLastBlock(world, watch);
  } finally {
    await watch(ALL);
  }
}, { plain: true });

async function inTheLastBlock(world, watch) {
  const { api, step } = world;
  await step("Bob's node is told to watch nothing", () => watch(NOTHING));
  const { version, honest, worker } = await openMarket(world, {
    steps: STEPS,
    bobsKey: DEVELOPMENT_KEY,
    times: { challengeWindow: 8, moveTime: 10, revealTime: 10 },
  });
  const { id, until, firstBlock } = await step("Charlie's claim is false, and nobody looks", async () => {
    const firstBlock = await height(api);
    const job = await requestOf(api, charlie, version);
    const lie = falselyClaimedBy(honest, { provider: charlie, job, step: FALSE_STEP });
    const id = await claim(api, worker, job, lie);
    return { id, until: (await jobInfo(api, job)).until.unwrap().toNumber(), firstBlock };
  });

  await step('Eve challenges in the last block', async () => {
    await reached(api, until - 1);
    await submit(api, api.tx.disputes.challenge(id), eve);
    const [challenge] = await api.call.disputesApi.challenges(id);
    assert.equal(challenge.opened.toNumber(), until);
    assert.equal((await jobInfo(api, id.job)).status.type, 'Challenged');
  });

  await step('the claim is not final when the window has passed', async () => {
    await reached(api, until + 2);
    assert.equal((await jobInfo(api, id.job)).status.type, 'Challenged');
    const finalized = await eventsSince(api, 'jobs.Finalized', firstBlock);
    assert.ok(finalized.every(({ job }) => job.toNumber() !== id.job));
  });
  await refuses(world, [
    ['a challenge after the window', 'jobs.WindowClosed', api.tx.disputes.challenge(id), ferdie],
  ]);

  await step('who looks now proves it, without a bond', async () => {
    await watch(ALL);
    const proof = await untilEvent(api, 'disputes.FraudProven', id, firstBlock);
    assert.equal(proof.step.toNumber(), FALSE_STEP);
    assert.ok(proof.rewarded.eq(eve.address), 'the reward is for who challenged first');
    const [ended] = await untilEnded(api, id, firstBlock);
    assert.ok(ended.challenger.eq(eve.address));
    assert.equal(ended.ending.type, 'ProvenFalse');
  });
}
