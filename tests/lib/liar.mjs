// A market with one provider that computes and one that does not.

import { alice, bob, charlie, dave, eventsNamed, eve, height, SALTED, submit, tokens } from './chain.mjs';
import { claimCall, claimInBlock, longClaimBy } from './claims.mjs';
import { setTimes } from './disputes.mjs';
import { offer, priceOf, publishFolding, registerProvider, request, untilJob } from './market.mjs';
import { statesOf } from './packages.mjs';
import { folding, word } from './programs.mjs';

const INPUT = word(2026);

/** The worker key that `assay-node --dev` has. Another world's node is given one. */
export const DEVELOPMENT_KEY = SALTED ? { workerSecret: '//Bob//worker' } : { workerSecret: '//Alice', silent: true };

/** Bob's node provides a version, and watches it. Returns its worker key. */
export async function bobProvides(api, version, key = { workerSecret: '//Bob//worker' }) {
  const worker = await registerProvider(api, bob, { ...key, bond: tokens(api, 10_000) });
  await submit(api, api.tx.balances.transferKeepAlive(worker.address, tokens(api, 100)), bob);
  await offer(api, bob, version, { perJob: tokens(api, 0.1) });
  return worker;
}

/** Charlie offers a version, and runs no node. Returns his worker key. */
export async function charlieProvides(api, version) {
  const bond = tokens(api, 10_000);
  const worker = await registerProvider(api, charlie, { workerSecret: '//Charlie//worker', bond, silent: true });
  await offer(api, charlie, version, { perJob: tokens(api, 0.1) });
  return worker;
}

/** Dave requests a run of a provider. Returns the job once the provider has it. */
export async function requestOf(api, provider, version, input = INPUT) {
  const maxPrice = await priceOf(api, version);
  const job = await request(api, dave, version, input, { maxPrice, provider: provider.address });
  await untilJob(api, job, ['Assigned', 'Pending', 'Final']);
  return job;
}

/** The claim that Bob's node makes for a job of his, as plain JSON. */
export async function bobsClaim(api, version, input = INPUT) {
  const firstBlock = await height(api);
  const job = await requestOf(api, bob, version, input);
  await untilJob(api, job, ['Pending', 'Final']);
  const claimed = await eventsNamed(api, 'jobs.Claimed', firstBlock, await height(api));
  const { number } = claimed.find(({ data }) => data.job.toNumber() === job);
  return { job, claim: await claimInBlock(api, number, job) };
}

/** Submits a claim for a job. Eve pays the fee, which comes back. Returns how disputes name it. */
export async function claim(api, worker, job, content) {
  await submit(api, claimCall(api, worker, job, content), eve);
  return { job, attempt: 0 };
}

/**
 * How many disputes begin: a program of `steps` steps is published, Bob's node has claimed a run of it, and Charlie
 * provides without a node. Claims and disputes may then take `times`.
 * @param {{steps: number, maxSteps?: number, times: object, bobsKey?: object}} what
 */
export async function openMarket({ api, step }, { steps, maxSteps, times, bobsKey }) {
  const version = await step(`Alice has published a program of ${steps} steps`, () =>
    publishFolding(api, alice, { steps, maxSteps }));
  const honest = await step('Bob provides, and his node has claimed a job', async () => {
    await bobProvides(api, version, bobsKey);
    const run = { manifest: { steps }, program: folding({ steps, rounds: 1 }), params: Buffer.alloc(0) };
    return { ...(await bobsClaim(api, version)), states: statesOf(run, INPUT) };
  });
  const worker = await step('Charlie provides by hand', async () => {
    await setTimes(api, alice, { claimDeadline: 60, ...times });
    return charlieProvides(api, version);
  });
  return { version, honest, worker };
}

/**
 * Charlie claims that a run took `steps` steps, too many to be shown at once: all are false from `step` on.
 * @param {object} market what [`openMarket`] returns
 */
export async function claimHidden(api, { version, honest, worker }, { step, steps }) {
  const firstBlock = await height(api);
  const job = await requestOf(api, charlie, version);
  const { claim: content, trace } = longClaimBy(honest, { provider: charlie, job, step, steps });
  return { id: await claim(api, worker, job, content), content, trace, firstBlock };
}
