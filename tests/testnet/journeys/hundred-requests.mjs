// A hundred requests at once, from ten accounts, to two providers on nodes of their own. Each is final or refunded, once, and every
// planck is accounted for.

import assert from 'node:assert/strict';
import { account, alice, balance, bob, charlie, connect, eventsNamed, height, protocol, submit, tokens } from '../../lib/chain.mjs';
import { digitsPackage, image } from '../../lib/digits.mjs';
import { journey } from '../../lib/journey.mjs';
import { offer, publishPackage, quote, registerProvider, requestCall, untilJob } from '../../lib/market.mjs';
import { until } from '../../lib/wait.mjs';
import { named } from '../nodes.mjs';

const ACCOUNTS = 10;
const EACH = 10;
/** Fewer than come at once, so that some wait in the queue. */
const CAPACITY = 16;

const sum = (values) => values.reduce((total, value) => total + value, 0n);

/** Sends several calls of an account, one behind the other, and waits until all are in blocks. */
async function sendAll(api, calls, signer) {
  const first = (await api.rpc.system.accountNextIndex(signer.address)).toNumber();
  await Promise.all(calls.map((call, index) => call.signAndSend(signer, { nonce: first + index })));
  const nonce = async () => (await api.query.system.account(signer.address)).nonce.toNumber();
  await until(`the calls of ${signer.address}`, async () => (await nonce()) >= first + calls.length, { pause: 1000 });
}

journey('a hundred requests at once', async ({ api, step }) => {
  const others = await connect(named('provider-2').url);
  const requesters = Array.from({ length: ACCOUNTS }, (_, index) => account(`//Requester//${index}`));
  const { version } = await step('Alice has published a model', () => publishPackage(api, alice, digitsPackage('mlp')));
  await step('Bob and Charlie provide, each with a node of his own', async () => {
    for (const [node, provider, name] of [[api, bob, 'Bob'], [others, charlie, 'Charlie']]) {
      await registerProvider(node, provider, { workerSecret: `//${name}//worker`, bond: tokens(api, 10_000) });
      await offer(node, provider, version, { perJob: tokens(api, 0.1), capacity: CAPACITY });
    }
  });
  await step('ten accounts have a thousand tokens each', async () => {
    const gifts = requesters.map(({ address }) => api.tx.balances.transferKeepAlive(address, tokens(api, 1_000)));
    await submit(api, api.tx.utility.batchAll(gifts), alice);
  });
  // Not Alice: she is a collator, too, and has a part of the fees.
  const everybody = [...requesters, bob, charlie, protocol];
  const all = () => Promise.all(everybody.map(async (who) => (await balance(api, who)).all));
  const before = await all();
  const firstBlock = (await height(api)) + 1;

  await step('each requests ten answers, all at once', async () => {
    const maxFee = await quote(api, version);
    const calls = (index) => Array.from({ length: EACH }, (_, n) => requestCall(api, version, image(EACH * index + n), { maxFee }));
    await Promise.all(requesters.map((requester, index) => sendAll(api, calls(index), requester)));
  });

  const jobs = await step('all are final', async () => {
    const requested = await eventsNamed(api, 'jobs.Requested', firstBlock, await height(api));
    const jobs = requested.map(({ data }) => data.job.toNumber());
    assert.equal(new Set(jobs).size, ACCOUNTS * EACH);
    for (const job of jobs) await untilJob(api, job, 'Final', { seconds: 300 });
    return jobs;
  });

  await step('each was paid or refunded, once, and every planck is accounted for', async () => {
    const last = await height(api);
    const finalized = await eventsNamed(api, 'jobs.Finalized', firstBlock, last);
    const expired = await eventsNamed(api, 'jobs.Expired', firstBlock, last);
    const ended = [...finalized, ...expired].map(({ data }) => data.job.toNumber());
    assert.deepEqual(ended.toSorted((a, b) => a - b), jobs.toSorted((a, b) => a - b));
    const fees = await eventsNamed(api, 'transactionPayment.TransactionFeePaid', firstBlock, last);
    const ours = new Set(everybody.map(({ address }) => address));
    const feesPaid = sum(fees.filter(({ data }) => ours.has(data.who.toString())).map(({ data }) => data.actualFee.toBigInt()));
    const burnt = sum(finalized.map(({ data }) => data.settlement.burnt.toBigInt()));
    assert.equal(sum(before) - sum(await all()), feesPaid + burnt);
    for (const requester of requesters) assert.equal((await balance(api, requester)).held, 0n);
    const byProvider = [bob, charlie].map(({ address }) => finalized.filter(({ data }) => data.provider.eq(address)).length);
    assert.ok(byProvider.every((count) => count > 0), `${byProvider}`);
  });
});
