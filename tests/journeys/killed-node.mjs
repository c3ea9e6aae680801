// A provider's node is killed in the middle of an inference. Started again, it goes on where it was: there is
// one claim, and it is right.

import assert from 'node:assert/strict';
import { alice, bob, callsSince, charlie, connect, eventsNamed, height, tokens } from '../lib/chain.mjs';
import { journey } from '../lib/journey.mjs';
import {
  answer, offer, priceOf, publishFolding, registerProvider, request, setParameters, untilJob,
} from '../lib/market.mjs';
import { folded, word } from '../lib/programs.mjs';
import { until } from '../lib/wait.mjs';

// Long enough to be killed in the middle.
const SIZE = { steps: 4000, rounds: 450_000 };
const INPUT = word(2026);

journey('a node killed in the middle of an inference', async (world) => {
  const { node, step } = world;
  let { api } = world;

  const version = await step('Alice has published a slow program', () => publishFolding(api, alice, SIZE));

  const { job, firstBlock } = await step('Charlie requests a run, and Bob has it', async () => {
    await setParameters(api, alice, { claimDeadline: 300 });
    await registerProvider(api, bob, { workerSecret: '//Bob//worker', bond: tokens(api, 10_000) });
    await offer(api, bob, version, { perJob: tokens(api, 0.1) });
    const firstBlock = await height(api);
    const job = await request(api, charlie, version, INPUT, { maxPrice: await priceOf(api, version) });
    await untilJob(api, job, 'Assigned');
    return { job, firstBlock };
  });

  // The worker logs a line with each checkpoint.
  const progress = new RegExp(`job ${job}: step (\\d+)`);
  const resumed = new RegExp(`job ${job}: running version ${version} from step (\\d+)`, 'g');

  const done = await step('its node is killed when some steps are done, and not all', async () => {
    const [, done] = await until('a checkpoint', () => node.log().match(progress), { pause: 50 });
    assert.ok(Number(done) > 0 && Number(done) < SIZE.steps);
    await api.disconnect();
    await node.kill();
    return Number(done);
  });

  await step('started again, it goes on from there', async () => {
    await node.start();
    api = world.api = await connect(node.url);
    const [, second] = await until('the run to go on', () => {
      const starts = [...node.log().matchAll(resumed)];
      return starts.length > 1 && starts;
    }, { seconds: 180 });
    assert.ok(Number(second[1]) >= done, `the steps before the checkpoint, ${done}, are not run again`);
  });

  await step('the answer is right, and claimed once', async () => {
    const info = await untilJob(api, job, 'Final', { seconds: 300 });
    assert.equal(info.status.asFinal.type, 'Answered');
    assert.deepEqual(Buffer.from(answer(info)), folded(INPUT, SIZE));
    assert.equal((await eventsNamed(api, 'jobs.Assigned', firstBlock, await height(api))).length, 1);
    const claims = (await callsSince(api, 'jobs', firstBlock)).filter(({ call }) => call === 'claim');
    assert.equal(claims.length, 1);
  });
});
