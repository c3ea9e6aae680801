// Two providers with the same stake and the same price share the jobs.

import assert from 'node:assert/strict';
import { alice, balance, bob, charlie, dave, eventsNamed, height, reached, submit, tokens } from '../lib/chain.mjs';
import { digitsPackage, image } from '../lib/digits.mjs';
import { journey } from '../lib/journey.mjs';
import { offer, priceOf, publishPackage, registerProvider, requestCall, untilJob } from '../lib/market.mjs';

const JOBS = 60;
// A block's weight has no room for all of them in one transaction.
const BATCH = 10;
// With even chances, fewer than 15 of 60 are as good as impossible: one in ten thousand.
const LEAST = 15;

journey('two providers and a fair split', async ({ api, step }) => {
  const providers = [bob, charlie];
  const { version } = await step('Alice has published a model', () => publishPackage(api, alice, digitsPackage('mlp')));

  for (const [index, provider] of providers.entries()) {
    await step(`provider ${index + 1} registers and offers`, async () => {
      await registerProvider(api, provider, { workerSecret: `//worker//${index}`, bond: tokens(api, 10_000) });
      await offer(api, provider, version, { perJob: tokens(api, 0.1), capacity: JOBS });
    });
  }
  const before = await Promise.all(providers.map((provider) => balance(api, provider)));
  const firstBlock = await height(api);

  const jobs = await step(`Dave requests ${JOBS} answers, ${BATCH} at once`, async () => {
    const maxPrice = await priceOf(api, version);
    const jobs = [];
    for (let first = 0; first < JOBS; first += BATCH) {
      const calls = Array.from({ length: BATCH }, (_, index) => requestCall(api, version, image(first + index), { maxPrice }));
      const { events } = await submit(api, api.tx.utility.batchAll(calls), dave);
      const requested = events.filter((event) => api.events.jobs.Requested.is(event));
      jobs.push(...requested.map(({ data }) => data.job.toNumber()));
    }
    return jobs;
  });

  await step('all are answered and paid', async () => {
    for (const job of jobs) {
      const info = await untilJob(api, job, 'Final', { seconds: 300 });
      assert.equal(info.status.asFinal.type, 'Answered');
    }
  });

  await step('both had a fair part, and earned the same for each job', async () => {
    await reached(api, (await height(api)) + 1);
    const finalized = await eventsNamed(api, 'jobs.Finalized', firstBlock, await height(api));
    assert.equal(finalized.length, JOBS);
    const pay = finalized[0].data.settlement.provider.toBigInt();
    assert.ok(pay > 0n);
    for (const [index, provider] of providers.entries()) {
      const { length: own } = finalized.filter(({ data }) => data.provider.eq(provider.address));
      assert.ok(own >= LEAST && own <= JOBS - LEAST, `provider ${index + 1} had ${own} jobs`);
      assert.equal((await balance(api, provider)).all - before[index].all, pay * BigInt(own));
    }
  });
});
