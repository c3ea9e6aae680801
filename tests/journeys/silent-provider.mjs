// A provider takes a job and says nothing. It is slashed, another provider answers, and where there is no
// other the requester has everything back.

import assert from 'node:assert/strict';
import { alice, balance, bob, charlie, dave, eventsNamed, height, tokens } from '../lib/chain.mjs';
import { digitsPackage, image } from '../lib/digits.mjs';
import { journey } from '../lib/journey.mjs';
import {
  offer, priceOf, publishPackage, registerProvider, request, setParameters, untilJob,
} from '../lib/market.mjs';

const CLAIM_DEADLINE = 5;

journey('a silent provider', async ({ api, step }) => {
  const bond = tokens(api, 10_000);
  const record = async (provider) => (await api.query.providers.providers(provider.address)).unwrap();
  const stakeOf = async (provider) => (await record(provider)).bonded.toBigInt();

  const { version } = await step('Alice has published a model', () => publishPackage(api, alice, digitsPackage('mlp')));
  await step('claims are due after few blocks', () => setParameters(api, alice, { claimDeadline: CLAIM_DEADLINE }));

  await step('Bob registers and offers, but runs no node', async () => {
    await registerProvider(api, bob, { workerSecret: '//Bob//worker', bond, silent: true });
    await offer(api, bob, version, { perJob: tokens(api, 0.1) });
  });

  await step('slash and refund: a job for Bob alone expires', async () => {
    const before = await balance(api, dave);
    const [firstBlock, fees] = [(await height(api)) + 1, feesOf(api, dave)];
    const maxPrice = await priceOf(api, version);
    const job = await request(api, dave, version, image(0), { maxPrice, provider: bob.address });
    await untilJob(api, job, 'Assigned');
    const info = await untilJob(api, job, 'Final');
    assert.equal(info.status.asFinal.type, 'Expired');

    const slash = await slashOf(api, bob, firstBlock);
    assert.equal(bond - (await stakeOf(bob)), slash.amount);
    assert.equal(slash.amount, slash.rewarded + slash.burned);
    assert.ok(slash.burned > slash.rewarded, 'slashing oneself does not pay');
    const after = await balance(api, dave);
    assert.equal(after.held, before.held);
    assert.equal(after.all, before.all - (await fees(firstBlock)) + slash.rewarded);
  });

  await step('reassignment: a job that Bob lets lie is answered by Charlie', async () => {
    const [stake, firstBlock] = [await stakeOf(bob), (await height(api)) + 1];
    const maxPrice = await priceOf(api, version);
    const job = await request(api, dave, version, image(1), { maxPrice });
    const assigned = await untilJob(api, job, 'Assigned');
    assert.equal(assigned.provider.unwrap().toString(), bob.address);

    await registerProvider(api, charlie, { workerSecret: '//Charlie//worker', bond });
    await offer(api, charlie, version, { perJob: tokens(api, 0.1) });
    const info = await untilJob(api, job, 'Final');
    assert.equal(info.status.asFinal.type, 'Answered');
    assert.equal(info.provider.unwrap().toString(), charlie.address);

    const slash = await slashOf(api, bob, firstBlock);
    assert.equal(stake - (await stakeOf(bob)), slash.amount);
    const attempts = await eventsNamed(api, 'jobs.Assigned', firstBlock, await height(api));
    assert.deepEqual(attempts.map(({ data }) => data.attempt.toNumber()), [1, 2]);
  });

  await step('both are known for what they did', async () => {
    assert.equal((await record(bob)).stats.timedOut.toNumber(), 2);
    assert.equal((await record(charlie)).stats.completed.toNumber(), 1);
  });
});

async function slashOf(api, provider, firstBlock) {
  const slashes = await eventsNamed(api, 'providers.Slashed', firstBlock, await height(api));
  assert.equal(slashes.length, 1);
  const [{ data }] = slashes;
  assert.ok(data.provider.eq(provider.address));
  return { amount: data.amount.toBigInt(), rewarded: data.rewarded.toBigInt(), burned: data.burned.toBigInt() };
}

/** The transaction fees that an account paid from a block on. */
function feesOf(api, who) {
  return async (firstBlock) => {
    const paid = await eventsNamed(api, 'transactionPayment.TransactionFeePaid', firstBlock, await height(api));
    return paid
      .filter(({ data }) => data.who.eq(who.address))
      .reduce((total, { data }) => total + data.actualFee.toBigInt(), 0n);
  };
}
