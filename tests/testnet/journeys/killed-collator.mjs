// A collator is ended with SIGKILL while a job is open. The other one goes on alone; started again, it makes blocks again.

import assert from 'node:assert/strict';
import { alice, bob, charlie, height, tokens } from '../../lib/chain.mjs';
import { digitsPackage, image } from '../../lib/digits.mjs';
import { journey } from '../../lib/journey.mjs';
import { offer, publishPackage, quote, registerProvider, request, untilJob } from '../../lib/market.mjs';
import { until } from '../../lib/wait.mjs';
import { named } from '../nodes.mjs';
import { kill, logSince, logged, start } from '../processes.mjs';
import { stateOf } from '../state.mjs';

const SEALED = /\[Parachain\].*Pre-sealed block for proposal/;

journey('a collator killed in the middle of a job', async ({ api, step }) => {
  const collator = named('collator-bob');
  const { version } = await step('Alice has published a model', () => publishPackage(api, alice, digitsPackage('mlp')));
  await step('Bob provides', async () => {
    await registerProvider(api, bob, { workerSecret: '//Bob//worker', bond: tokens(api, 10_000) });
    await offer(api, bob, version, { perJob: tokens(api, 0.1) });
  });

  const job = await step('Charlie requests an answer, and a collator is killed', async () => {
    const job = await request(api, charlie, version, image(0), { maxFee: await quote(api, version) });
    await kill(collator);
    return job;
  });
  await step('the other collator goes on: the job becomes final', async () => {
    const before = await height(api);
    assert.equal((await untilJob(api, job, 'Final')).status.asFinal.type, 'Answered');
    assert.ok((await height(api)) > before);
  });
  await step('started again, it catches up and makes blocks', async () => {
    const seen = logged(collator);
    start(collator);
    await until('the collator to catch up', async () => (await stateOf(collator)).best >= (await height(api)) - 1);
    await until('the collator to make a block', () => SEALED.test(logSince(collator, seen)));
  });
});
