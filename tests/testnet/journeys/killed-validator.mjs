// One of the relay chain's two validators is ended with SIGKILL while a job is open. Nothing is included any more. Nobody's
// deadline passes meanwhile, since clocks count blocks of the parachain; when the validator is back, all goes on.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { alice, bob, charlie, height, tokens } from '../../lib/chain.mjs';
import { digitsPackage, image } from '../../lib/digits.mjs';
import { journey } from '../../lib/journey.mjs';
import { offer, priceOf, publishPackage, registerProvider, request, untilJob } from '../../lib/market.mjs';
import { until } from '../../lib/wait.mjs';
import { named } from '../nodes.mjs';
import { kill, start } from '../processes.mjs';
import { stateOf } from '../state.mjs';

/** Longer than the twenty blocks that a claim may take, had they been made. */
const SILENCE = 150_000;
/** What is on its way when the validator goes may still arrive. */
const ON_THE_WAY = 30_000;
/** So many blocks a collator makes ahead of what is included. */
const AHEAD = 3;

journey("a relay chain's validator killed in the middle of a job", async ({ api, step }) => {
  const validator = named('relay-bob');
  const collator = named('collator-alice');
  const stake = async () => (await api.query.providers.providers(bob.address)).unwrap().bonded.toBigInt();
  const { version } = await step('Alice has published a model', () => publishPackage(api, alice, digitsPackage('mlp')));
  await step('Bob provides', async () => {
    await registerProvider(api, bob, { workerSecret: '//Bob//worker', bond: tokens(api, 10_000) });
    await offer(api, bob, version, { perJob: tokens(api, 0.1) });
  });
  const bond = await stake();

  const job = await step('Charlie requests an answer, and a validator is killed', async () => {
    const job = await request(api, charlie, version, image(0), { maxPrice: await priceOf(api, version) });
    await kill(validator);
    return job;
  });
  const final = async () => {
    const { final } = await stateOf(collator);
    assert.ok(Number.isInteger(final), 'the collator answers');
    return final;
  };
  try {
    await step('nothing is included or becomes final while one of two validators is away', async () => {
      await sleep(ON_THE_WAY);
      const before = { final: await final(), height: await height(api) };
      await sleep(SILENCE - ON_THE_WAY);
      assert.equal(await final(), before.final);
      assert.ok((await height(api)) <= before.height + AHEAD);
    });
  } finally {
    start(validator);
  }
  await step('with the validator back, the job is answered, and nobody was late', async () => {
    const before = await final();
    await until('blocks to be final again', async () => (await final()) > before, { seconds: 120 });
    assert.equal((await untilJob(api, job, 'Final')).status.asFinal.type, 'Answered');
    assert.equal(await stake(), bond);
  });
});
