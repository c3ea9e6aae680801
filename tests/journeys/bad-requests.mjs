// Whatever is wrong with a request has a named error and costs at most the fee of the transaction.

import { account, alice, bob, dave, eve, submit, tokens } from '../lib/chain.mjs';
import { digitsPackage, image } from '../lib/digits.mjs';
import { journey } from '../lib/journey.mjs';
import { offer, priceOf, publishPackage, registerProvider, request, requestCall, untilJob } from '../lib/market.mjs';
import { refuses } from '../lib/refusals.mjs';

const KIB = 1024;
const nobody = account('//Nobody');

journey('bad requests', async (world) => {
  const { api, step } = world;
  const { version } = await step('Alice has published a model', () => publishPackage(api, alice, digitsPackage('mlp')));
  const retired = await step('and one that she took out of service', async () => {
    const { version } = await publishPackage(api, alice, digitsPackage('cnn'));
    await submit(api, api.tx.models.deprecateVersion(version), alice);
    return version;
  });
  await step('Bob provides', async () => {
    await registerProvider(api, bob, { workerSecret: '//Bob//worker', bond: tokens(api, 10_000), silent: true });
    await offer(api, bob, version, { perJob: tokens(api, 0.1), perStep: 1_000n, capacity: 1 });
  });
  const maxPrice = await priceOf(api, version);
  const ask = ({ of = version, input = image(0), price = maxPrice, provider } = {}) =>
    requestCall(api, of, input, { maxPrice: price, provider });

  await refuses(world, [
    ['an unknown version', 'jobs.VersionNotFound', ask({ of: 99 })],
    ['a version out of service', 'jobs.VersionDeprecated', ask({ of: retired })],
    ['an input too short', 'jobs.WrongInputLength', ask({ input: image(0).subarray(1) })],
    ['an input too long', 'jobs.WrongInputLength', ask({ input: Buffer.alloc(64 * KIB) })],
    ['an input longer than any may be', 'jobs.WrongInputLength', ask({ input: Buffer.alloc(64 * KIB + 1) })],
    ['less for the job than anybody asks', 'jobs.PriceTooLow', ask({ price: { perJob: maxPrice.perJob - 1n, perStep: 10n * maxPrice.perStep } })],
    ['less for a step', 'jobs.PriceTooLow', ask({ price: { perJob: tokens(api, 100), perStep: maxPrice.perStep - 1n } })],
    ['a provider that is none', 'jobs.ProviderNotFound', ask({ provider: eve.address })],
    ['a price that Dave does not have', 'jobs.InsufficientFunds', ask({ price: { ...maxPrice, perJob: tokens(api, 10_000_000) } })],
    ['a price that nobody can count', 'jobs.InsufficientFunds', ask({ price: { ...maxPrice, perStep: 2n ** 128n - 1n } })],
    ['an account without funds', /^pool: .*Inability to pay/, ask(), nobody],
  ]);

  const job = await step('Dave requests an answer', () => request(api, dave, version, image(0), { maxPrice }));
  await refuses(world, [
    ["somebody else's job cancelled", 'jobs.NotRequester', api.tx.jobs.cancel(job), eve],
    ['no job at all', 'jobs.NotFound', api.tx.jobs.cancel(job + 1)],
  ]);
  await untilJob(api, job, 'Assigned');
  await refuses(world, [
    ['an assigned job cancelled', 'jobs.NotQueued', api.tx.jobs.cancel(job)],
    ['an assigned job hurried', 'jobs.NotDue', api.tx.jobs.advance(job)],
    ['rules changed by anyone', 'BadOrigin', api.tx.jobs.setParameters((await api.query.jobs.parameters()).toJSON())],
  ]);
});
