// Whatever is wrong with a request has a named error and costs at most the fee of the transaction.

import { account, alice, bob, dave, eve, submit, tokens } from '../lib/chain.mjs';
import { digitsPackage, image } from '../lib/digits.mjs';
import { journey } from '../lib/journey.mjs';
import { offer, publishPackage, quote, registerProvider, request, requestCall, untilJob } from '../lib/market.mjs';
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
    await offer(api, bob, version, { perJob: tokens(api, 0.1), capacity: 1 });
  });
  const maxFee = await quote(api, version);
  const ask = ({ of = version, input = image(0), fee = maxFee, provider } = {}) =>
    requestCall(api, of, input, { maxFee: fee, provider });

  await refuses(world, [
    ['an unknown version', 'jobs.VersionNotFound', ask({ of: 99 })],
    ['a version out of service', 'jobs.VersionDeprecated', ask({ of: retired })],
    ['an input too short', 'jobs.WrongInputLength', ask({ input: image(0).subarray(1) })],
    ['an input too long', 'jobs.WrongInputLength', ask({ input: Buffer.alloc(64 * KIB) })],
    ['an input longer than any may be', 'jobs.WrongInputLength', ask({ input: Buffer.alloc(64 * KIB + 1) })],
    ['a fee below the quote', 'jobs.FeeTooLow', ask({ fee: maxFee - 1n })],
    ['a provider that is none', 'jobs.ProviderNotFound', ask({ provider: eve.address })],
    ['a fee that Dave does not have', 'jobs.InsufficientFunds', ask({ fee: tokens(api, 10_000_000) })],
    ['an account without funds', /^pool: .*Inability to pay/, ask(), nobody],
  ]);

  const job = await step('Dave requests an answer', () => request(api, dave, version, image(0), { maxFee }));
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
