// Whatever is wrong with a claim has a named error and costs at most the fee of the transaction.

import assert from 'node:assert/strict';
import { alice, balance, bob, charlie, dave, eventsNamed, eve, height, submit, tokens } from '../lib/chain.mjs';
import { claimCall, claimInBlock, claimedBy, replaced } from '../lib/claims.mjs';
import { digitsPackage, image } from '../lib/digits.mjs';
import { journey } from '../lib/journey.mjs';
import { offer, priceOf, publishPackage, registerProvider, request, setParameters, untilJob } from '../lib/market.mjs';
import { statesOf } from '../lib/packages.mjs';
import { refuses } from '../lib/refusals.mjs';

const KIB = 1024;

journey('bad claims', async (world) => {
  const { api, step } = world;
  const bond = tokens(api, 10_000);
  const model = digitsPackage('mlp');
  const { version } = await step('Alice has published a model', () => publishPackage(api, alice, model));
  const ask = async (provider) => {
    const maxPrice = await priceOf(api, version);
    return request(api, dave, version, image(0), { maxPrice, provider });
  };

  const bobsWorker = await step('Bob provides honestly', async () => {
    const worker = await registerProvider(api, bob, { workerSecret: '//Bob//worker', bond });
    await offer(api, bob, version, { perJob: tokens(api, 0.1) });
    return worker;
  });
  const [bobsJob, bobsClaim] = await step('Bob has claimed a job', async () => {
    const [job, firstBlock] = [await ask(bob.address), await height(api)];
    await untilJob(api, job, 'Pending');
    const [claimed] = await eventsNamed(api, 'jobs.Claimed', firstBlock, await height(api));
    return [job, await claimInBlock(api, claimed.number, job)];
  });
  await refuses(world, [
    ['a second claim', 'jobs.NotAssigned', claimCall(api, bobsWorker, bobsJob, bobsClaim)],
    ['a claim for no job', 'jobs.NotFound', claimCall(api, bobsWorker, 1_000, bobsClaim)],
  ]);

  const charliesWorker = await step('Charlie provides, by hand instead of a node', async () => {
    await setParameters(api, alice, { claimDeadline: 120 });
    const worker = await registerProvider(api, charlie, { workerSecret: '//Charlie//worker', bond, silent: true });
    await offer(api, charlie, version, { perJob: tokens(api, 0.1) });
    return worker;
  });
  const job = await step('Charlie has a job with the same input', async () => {
    const job = await ask(charlie.address);
    await untilJob(api, job, 'Assigned');
    return job;
  });

  const run = { claim: bobsClaim, states: statesOf(model, image(0)) };
  const right = claimedBy(run, { provider: charlie, job });
  const other = `0x${'11'.repeat(32)}`;
  const claim = (changes, worker = charliesWorker) => claimCall(api, worker, job, { ...right, ...changes });
  const leaves = right.opening.whole;
  const withOther = (index) => ({ whole: replaced(leaves, index, other) });
  await refuses(world, [
    ["Bob's claim under Charlie's name", 'jobs.WrongStart', claimCall(api, charliesWorker, job, bobsClaim)],
    ["a claim signed with Bob's key", 'jobs.BadSignature', claim({}, bobsWorker)],
    ['no steps', 'jobs.WrongSteps', claim({ steps: 0 })],
    ['more steps than the version allows', 'jobs.WrongSteps', claim({ steps: right.steps + 1 })],
    ['a leaf too few', 'jobs.WrongOpening', claim({ opening: { whole: leaves.slice(1) } })],
    ['a trace opened like a long one', 'jobs.WrongOpening', claim({ opening: { ends: { first: [], last: [] } } })],
    ['another first leaf', 'jobs.WrongStart', claim({ opening: withOther(0) })],
    ['another last leaf', 'jobs.WrongEnd', claim({ opening: withOther(leaves.length - 1) })],
    ['another leaf in between', 'jobs.WrongRoot', claim({ opening: withOther(1) })],
    ['another trace root', 'jobs.WrongRoot', claim({ traceRoot: other })],
    ['another end', 'jobs.WrongEnd', claim({ end: { ...right.end, pc: 77 } })],
    ['an end without its output', 'jobs.WrongOutput', claim({ output: { nodes: [] } })],
    ['an output that is not in the end', 'jobs.WrongOutput', claim({ output: { nodes: [{ zero: null }] } })],
    ['a claim of 40 KiB', 'jobs.ClaimTooLarge', claim({
      output: { nodes: Array.from({ length: 10 }, () => ({ chunk: `0x${'22'.repeat(4 * KIB)}` })) },
    })],
  ]);

  await step('the right claim is accepted, whoever submits it, without a fee', async () => {
    const before = await balance(api, eve);
    await submit(api, claim({}), eve);
    assert.equal((await balance(api, eve)).all, before.all);
    assert.equal((await untilJob(api, job, 'Final')).status.asFinal.type, 'Answered');
  });

  const late = await step('Charlie lets a job lie until it is over', async () => {
    await setParameters(api, alice, { claimDeadline: 2 });
    const job = await ask(charlie.address);
    await untilJob(api, job, 'Final');
    return job;
  });
  const lateClaim = claimedBy(run, { provider: charlie, job: late });
  await refuses(world, [['a late claim', 'jobs.NotFound', claimCall(api, charliesWorker, late, lateClaim)]]);
});
