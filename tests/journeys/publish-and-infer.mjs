// Dave publishes three trained models. Bob provides compute. Charlie asks what digit is on his images,
// and gets the answers that onnxruntime gives. (Alice builds the blocks and earns their fees.)

import assert from 'node:assert/strict';
import {
  balance, bob, charlie, dave, eventsNamed, height, optionalBytes, protocol, tokens,
} from '../lib/chain.mjs';
import { best, digitsPackage, distance, floats, image, label, reference } from '../lib/digits.mjs';
import { journey } from '../lib/journey.mjs';
import { answer, jobInfo, offer, priceOf, publishPackage, registerProvider, request, untilJob } from '../lib/market.mjs';

const MODELS = ['mlp', 'cnn', 'cnn-int8'];
const IMAGES = [0, 1, 2, 3, 4];
const ROYALTY_PERCENT = 5;

journey('publish and infer', async ({ api, step }) => {
  await step('Bob registers as a provider', () =>
    registerProvider(api, bob, { workerSecret: '//Bob//worker', bond: tokens(api, 10_000) }));

  for (const model of MODELS) {
    const version = await step(`Dave publishes ${model}`, async () => {
      const digits = digitsPackage(model);
      const published = await publishPackage(api, dave, digits, { royalty: ROYALTY_PERCENT });
      const { modelsApi } = api.call;
      const version = (await modelsApi.version(published.version)).unwrap();
      assert.equal(version.details.labels.length, 10);
      assert.equal((await modelsApi.model(published.model)).unwrap().owner.toString(), dave.address);
      assert.deepEqual(optionalBytes(await modelsApi.programCode(published.program)), new Uint8Array(digits.program));
      return published.version;
    });

    await step(`Bob offers ${model}`, () =>
      offer(api, bob, version, { perJob: tokens(api, 0.1), perStep: tokens(api, 0.01) }));

    const charlieBefore = await balance(api, charlie);
    const daveBefore = await balance(api, dave);
    const bobBefore = await balance(api, bob);
    const protocolBefore = await balance(api, protocol);
    const firstBlock = await height(api);

    const jobs = await step(`Charlie requests ${IMAGES.length} answers`, async () => {
      const maxPrice = await priceOf(api, version);
      const jobs = [];
      for (const index of IMAGES) {
        jobs.push({ index, job: await request(api, charlie, version, image(index), { maxPrice }) });
      }
      return jobs;
    });

    await step('the answers are readable while they are pending', async () => {
      // Side by side: none is pending for longer than the challenge window.
      await Promise.all(jobs.map(async ({ job }) => {
        const info = await untilJob(api, job, 'Pending');
        assert.ok(info.output.isSome);
      }));
    });

    await step('the answers are final, and those of onnxruntime', async () => {
      for (const { index, job } of jobs) {
        const info = await untilJob(api, job, 'Final');
        assert.equal(info.status.asFinal.type, 'Answered');
        const probabilities = floats(answer(info));
        assert.ok(distance(probabilities, reference(model, index)) <= 1e-5);
        assert.equal(best(probabilities), best(reference(model, index)));
        assert.equal(best(probabilities), label(index));
      }
    });

    await step('each answer came within two blocks of its assignment', async () => {
      const last = await height(api);
      const assigned = await eventsNamed(api, 'jobs.Assigned', firstBlock, last);
      const claimed = await eventsNamed(api, 'jobs.Claimed', firstBlock, last);
      for (const { job } of jobs) {
        const ofJob = ({ data }) => data.job.toNumber() === job;
        assert.ok(claimed.find(ofJob).number - assigned.find(ofJob).number <= 2);
      }
    });

    await step('Charlie paid what the steps cost: Bob, Dave and the protocol share it', async () => {
      const finalized = await eventsNamed(api, 'jobs.Finalized', firstBlock, await height(api));
      const requested = await eventsNamed(api, 'transactionPayment.TransactionFeePaid', firstBlock, await height(api));
      const sum = (part) => finalized.reduce((total, { data }) => total + data.settlement[part].toBigInt(), 0n);
      const fees = requested
        .filter(({ data }) => data.who.eq(charlie.address))
        .reduce((total, { data }) => total + data.actualFee.toBigInt(), 0n);
      const paid = sum('provider') + sum('royalty') + sum('protocol');

      assert.equal(finalized.length, jobs.length);
      assert.equal(charlieBefore.all - (await balance(api, charlie)).all, paid + fees);
      assert.equal((await balance(api, charlie)).held, charlieBefore.held);
      assert.equal((await balance(api, bob)).all - bobBefore.all, sum('provider'));
      assert.equal((await balance(api, dave)).all - daveBefore.all, sum('royalty'));
      assert.equal((await balance(api, protocol)).all - protocolBefore.all, sum('protocol'));
      assert.equal(sum('burnt'), 0n);
      assert.equal(sum('royalty'), (paid * BigInt(ROYALTY_PERCENT)) / 100n);
    });

    await step('a finished job leaves a receipt of at most 200 bytes, and its answer for a while', async () => {
      assert.equal((await api.call.jobsApi.assignedTo(bob.address)).length, 0);
      assert.equal((await api.query.models.uses(version)).toNumber(), 0);
      for (const { job } of jobs) {
        assert.ok((await api.query.jobs.receipts(job)).unwrap().toU8a().length <= 200);
        assert.ok((await api.query.jobs.jobs(job)).isNone);
        assert.ok((await api.query.jobs.inputs(job)).isNone);
        assert.ok((await jobInfo(api, job)).output.isSome);
      }
    });
  }
});
