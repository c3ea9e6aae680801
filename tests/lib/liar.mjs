// A market with one provider that computes and one that does not.

import { bob, charlie, dave, eventsNamed, eve, height, submit, tokens } from './chain.mjs';
import { claimCall, claimInBlock } from './claims.mjs';
import {
  createModel, offer, plainSpec, publishVersion, quote, registerProvider, request, untilJob, uploadParams,
  uploadProgram,
} from './market.mjs';
import { folding, word } from './programs.mjs';

const INPUT = word(2026);

/** Publishes a program of `steps` steps, of which a run may claim up to `maxSteps`. Returns the version. */
export async function publishFolding(api, owner, { steps, maxSteps = steps }) {
  const program = await uploadProgram(api, owner, folding({ steps, rounds: 1 }));
  const params = await uploadParams(api, owner, Buffer.alloc(0));
  return publishVersion(api, owner, await createModel(api, owner, { name: `folding-${steps}` }), {
    ...plainSpec,
    program,
    params: { OnChain: params },
    inputs: [{ name: 'seed', dtype: 'U64', shape: [] }],
    outputs: [{ name: 'fold', dtype: 'U64', shape: [] }],
    maxSteps,
  });
}

/** Bob's node provides a version, and watches it. Returns its worker key. */
export async function bobProvides(api, version) {
  const worker = await registerProvider(api, bob, { workerSecret: '//Bob//worker', bond: tokens(api, 10_000) });
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
  const maxFee = await quote(api, version);
  const job = await request(api, dave, version, input, { maxFee, provider: provider.address });
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
