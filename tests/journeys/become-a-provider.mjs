// A newcomer with nothing but some tokens becomes a provider, earns, and begins to leave.

import assert from 'node:assert/strict';
import { mnemonicGenerate } from '@polkadot/util-crypto';
import { account, alice, balance, charlie, find, submit, tokens } from '../lib/chain.mjs';
import { digitsPackage, image } from '../lib/digits.mjs';
import { journey } from '../lib/journey.mjs';
import { offer, priceOf, publishPackage, registerProvider, request, untilJob, workerProof } from '../lib/market.mjs';

journey('register as a provider from nothing', async ({ api, step }) => {
  const newcomer = account(mnemonicGenerate());
  const workerSecret = mnemonicGenerate();
  const bond = tokens(api, 1_000);

  const { version } = await step('Alice has published a model', () => publishPackage(api, alice, digitsPackage('mlp')));

  await step('Alice gives the newcomer tokens', () =>
    submit(api, api.tx.balances.transferKeepAlive(newcomer.address, tokens(api, 1_100)), alice));

  await step('an account that is not registered cannot offer', () =>
    assert.rejects(offer(api, newcomer, version, { perJob: 1n }), { name: 'providers.NotRegistered' }));

  await step('a bond below the least is refused', () =>
    assert.rejects(registerProvider(api, newcomer, { workerSecret, bond: 1n, silent: true }), {
      name: 'providers.BondTooLow',
    }));

  await step('a worker key that did not agree is refused', async () => {
    const stranger = account(mnemonicGenerate());
    const proof = await workerProof(api, stranger, alice);
    return assert.rejects(submit(api, api.tx.providers.register(stranger.publicKey, bond, proof), newcomer), {
      name: 'providers.InvalidProof',
    });
  });

  const worker = await step('the newcomer puts a worker key in its node and registers', () =>
    registerProvider(api, newcomer, { workerSecret, bond }));

  await step('the bond is held, and the key leads to the provider', async () => {
    assert.equal((await balance(api, newcomer)).held, bond);
    assert.equal((await api.call.providersApi.providerOf(worker.publicKey)).unwrap().toString(), newcomer.address);
  });

  await step('the same key cannot work for a second provider', () =>
    assert.rejects(registerProvider(api, charlie, { workerSecret, bond, silent: true }), {
      name: 'providers.WorkerTaken',
    }));

  await step('the newcomer offers the model, and everybody sees it', async () => {
    await offer(api, newcomer, version, { perJob: tokens(api, 1) });
    const [offered] = await api.call.providersApi.offers(version);
    assert.equal(offered.provider.toString(), newcomer.address);
    assert.equal(offered.price.perJob.toBigInt(), tokens(api, 1));
    const info = (await api.call.providersApi.provider(newcomer.address)).unwrap();
    assert.equal(info.freeStake.toBigInt(), bond);
  });

  await step('a job comes, and the newcomer earns', async () => {
    const before = await balance(api, newcomer);
    const maxPrice = await priceOf(api, version);
    const job = await request(api, charlie, version, image(0), { maxPrice });
    const info = await untilJob(api, job, 'Final');
    assert.equal(info.provider.unwrap().toString(), newcomer.address);
    assert.ok((await balance(api, newcomer)).free > before.free);
    const { stats } = (await api.query.providers.providers(newcomer.address)).unwrap();
    assert.equal(stats.completed.toNumber(), 1);
  });

  await step('paused, it is not asked any more', async () => {
    await submit(api, api.tx.providers.pause(), newcomer);
    assert.equal((await api.call.jobsApi.quote(version, null)).length, 0);
  });

  await step('it withdraws its offer and starts to take its stake out', async () => {
    await submit(api, api.tx.providers.removeOffer(version), newcomer);
    const { events } = await submit(api, api.tx.providers.unbond(bond), newcomer);
    assert.equal(find(events, 'providers.Unbonding').amount.toBigInt(), bond);
  });

  await step('the stake stays held until the longest job could be over', () =>
    assert.rejects(submit(api, api.tx.providers.withdraw(), newcomer), { name: 'providers.NothingToWithdraw' }));
});
