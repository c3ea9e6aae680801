// A hundred requests at once, from ten accounts: ninety to two providers on nodes of their own, ten to one that has no node. Each is
// final or, where nobody had time for it or its provider is silent, refunded, once, and every account has what the chain said of it, to
// the planck. All is read in final blocks.

import assert from 'node:assert/strict';
import {
  account, alice, balance, bob, charlie, connect, dave, eventsNamed, finalHeight, height, protocol, submit, tokens,
} from '../../lib/chain.mjs';
import { digitsPackage, image } from '../../lib/digits.mjs';
import { journey } from '../../lib/journey.mjs';
import { offer, priceOf, publishPackage, registerProvider, requestCall, untilJob } from '../../lib/market.mjs';
import { until } from '../../lib/wait.mjs';
import { named } from '../nodes.mjs';

const ACCOUNTS = 10;
const EACH = 10;
/** Fewer than come at once, so that some wait in the queue. */
const CAPACITY = 32;

const sum = (values) => values.reduce((total, value) => total + value, 0n);

/** The number of the newest block there is now, once it is final. */
async function newestWhenFinal(api) {
  const newest = await height(api);
  await until(`block ${newest} to be final`, async () => {
    return (await finalHeight(api)) >= newest;
  }, { pause: 1000 });
  return newest;
}

/** What some accounts have, and have on hold, after a final block. */
async function balancesAfter(api, block, accounts) {
  const then = await api.at(await api.rpc.chain.getBlockHash(block));
  return Promise.all(accounts.map((who) => balance(then, who)));
}

/** The data of all events of some names in final blocks. */
async function dataOf(api, names, first, last) {
  const lists = await Promise.all(names.map((name) => eventsNamed(api, name, first, last)));
  return lists.map((list) => list.map(({ data }) => data));
}

/** Sends several calls of an account, one behind the other, and waits until all are in blocks. */
async function sendAll(api, calls, signer) {
  const first = (await api.rpc.system.accountNextIndex(signer.address)).toNumber();
  await Promise.all(calls.map((call, index) => submit(api, call, signer, { nonce: first + index })));
}

journey('a hundred requests at once', async ({ api, step }) => {
  const others = await connect(named('provider-2').url);
  const requesters = Array.from({ length: ACCOUNTS }, (_, index) => account(`//Requester//${index}`));
  const { version } = await step('Alice has published a model', () => publishPackage(api, alice, digitsPackage('mlp')));
  await step('Bob and Charlie provide, each with a node of his own, and Dave without one', async () => {
    for (const [node, provider, name] of [[api, bob, 'Bob'], [others, charlie, 'Charlie'], [api, dave, 'Dave']]) {
      const silent = provider === dave;
      await registerProvider(node, provider, { workerSecret: `//${name}//worker`, bond: tokens(api, 10_000), silent });
    }
    for (const provider of [bob, charlie]) {
      await offer(api, provider, version, { perJob: tokens(api, 0.1), capacity: CAPACITY });
    }
    // So dear that nobody is given to Dave who did not name him.
    await offer(api, dave, version, { perJob: tokens(api, 5), capacity: CAPACITY });
  });
  await step('ten accounts have a thousand tokens each', async () => {
    const gifts = requesters.map(({ address }) => api.tx.balances.transferKeepAlive(address, tokens(api, 1_000)));
    await submit(api, api.tx.utility.batchAll(gifts), alice);
  });
  // Not Alice: she is a collator, too, and has a part of the fees.
  const everybody = [...requesters, bob, charlie, dave, protocol];
  const atFirst = await newestWhenFinal(api);
  const before = await balancesAfter(api, atFirst, everybody);

  await step('each requests ten answers, one of them of Dave, all at once', async () => {
    const maxPrice = await priceOf(api, version);
    const call = (index) => index % EACH === 0
      ? requestCall(api, version, image(index), { maxPrice: { perJob: tokens(api, 6), perStep: 0n }, provider: dave.address })
      : requestCall(api, version, image(index), { maxPrice });
    const calls = (account) => Array.from({ length: EACH }, (_, n) => call(EACH * account + n));
    await Promise.all(requesters.map((requester, index) => sendAll(api, calls(index), requester)));
  });

  const isOurs = ({ requester }) => requesters.some(({ address }) => requester.eq(address));
  const requested = await step('a hundred jobs are in final blocks', () =>
    until('all requests', async () => {
      const [requested] = await dataOf(api, ['jobs.Requested'], atFirst + 1, await newestWhenFinal(api));
      const ours = requested.filter(isOurs);
      return ours.length === ACCOUNTS * EACH && ours;
    }, { pause: 1000 }));
  const jobs = requested.map(({ job }) => job.toNumber());

  const atLast = await step('all have ended', async () => {
    for (const job of jobs) await untilJob(api, job, 'Final', { seconds: 300 });
    return newestWhenFinal(api);
  });

  const [finalized, expired, slashes, fees] = await dataOf(
    api, ['jobs.Finalized', 'jobs.Expired', 'providers.Slashed', 'transactionPayment.TransactionFeePaid'], atFirst + 1, atLast);
  const ended = [...finalized, ...expired];
  const settlements = new Map(ended.map(({ job, settlement }) => [job.toNumber(), settlement]));

  await step('each ended once: those that nobody answered were refunded as a whole, the others paid', async () => {
    const inOrder = (numbers) => [...numbers].sort((a, b) => a - b);
    const endings = ended.map(({ job }) => job.toNumber()).filter((job) => jobs.includes(job));
    assert.deepEqual(inOrder(endings), inOrder(jobs));
    const unanswered = new Set(expired.map(({ job }) => job.toNumber()));
    const ofDave = slashes.filter(({ provider }) => provider.eq(dave.address));
    assert.equal(ofDave.length, ACCOUNTS);
    assert.ok(finalized.length >= 2 * CAPACITY, `${finalized.length} are paid`);
    assert.ok(finalized.every(({ provider }) => !provider.eq(dave.address)));
    for (const { job, maxFee: escrow } of requested) {
      const { provider, royalty, protocol: share, burnt, refunded } = settlements.get(job.toNumber());
      const parts = [provider, royalty, share, burnt, refunded].map((part) => part.toBigInt());
      assert.equal(sum(parts), escrow.toBigInt(), `job ${job}`);
      assert.equal(refunded.eq(escrow), unanswered.has(job.toNumber()), `job ${job}`);
    }
    const byProvider = [bob, charlie].map(({ address }) => finalized.filter(({ provider }) => provider.eq(address)).length);
    assert.ok(byProvider.every((count) => count > 0), `${byProvider}`);
  });

  await step('every account has what the chain said of it, to the planck', async () => {
    const total = (list, of) => sum(list.map((data) => of(data).toBigInt()));
    const changeOf = ({ address }) => {
      const is = (who) => who.eq(address);
      const asked = requested.filter(({ requester }) => is(requester));
      const rewarded = slashes.filter(({ beneficiary }) => beneficiary.isSome && is(beneficiary.unwrap()));
      return total(asked, ({ job }) => settlements.get(job.toNumber()).refunded)
        - total(asked, ({ maxFee: escrow }) => escrow)
        + total(finalized.filter(({ provider }) => is(provider)), ({ settlement }) => settlement.provider)
        + total(rewarded, ({ rewarded: reward }) => reward)
        - total(slashes.filter(({ provider }) => is(provider)), ({ amount }) => amount)
        - total(fees.filter(({ who }) => is(who)), ({ actualFee }) => actualFee)
        + (address === protocol.address ? total(ended, ({ settlement }) => settlement.protocol) : 0n);
    };
    const after = await balancesAfter(api, atLast, everybody);
    const changes = after.map(({ all }, index) => all - before[index].all);
    assert.deepEqual(changes, everybody.map(changeOf));
    assert.ok(requesters.every((_, index) => after[index].held === 0n));
  });
});
