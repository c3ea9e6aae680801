// A collator is ended with SIGKILL while a job is open. The other one goes on alone; started again, it makes blocks again.

import assert from 'node:assert/strict';
import { accountOf, alice, bob, charlie, height, tokens } from '../../lib/chain.mjs';
import { digitsPackage, image } from '../../lib/digits.mjs';
import { journey } from '../../lib/journey.mjs';
import { offer, publishPackage, quote, registerProvider, request, untilJob } from '../../lib/market.mjs';
import { until } from '../../lib/wait.mjs';
import { named } from '../nodes.mjs';
import { kill, start } from '../processes.mjs';

/** The account of the collator that made a block. */
async function makerOf(api, number) {
  const hash = await api.rpc.chain.getBlockHash(number);
  const { digest } = await api.rpc.chain.getHeader(hash);
  const [, data] = digest.logs.find((log) => log.isPreRuntime && log.asPreRuntime[0].isAura).asPreRuntime;
  const slot = data.toU8a(true).reduceRight((slot, byte) => slot * 256n + BigInt(byte), 0n);
  const collators = await (await api.at(hash)).query.aura.authorities();
  return collators[Number(slot % BigInt(collators.length))].toString();
}

/** The number of the newest final block. */
async function finalHeight(api) {
  return (await api.rpc.chain.getHeader(await api.rpc.chain.getFinalizedHead())).number.toNumber();
}

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
  try {
    await step('the other collator goes on: the job becomes final', async () => {
      const before = await height(api);
      assert.equal((await untilJob(api, job, 'Final')).status.asFinal.type, 'Answered');
      assert.ok((await height(api)) > before);
    });
  } finally {
    start(collator);
  }
  await step('started again, it makes blocks that become final', async () => {
    const bobs = accountOf('//Bob').address;
    let next = (await height(api)) + 1;
    await until('a final block of the collator', async () => {
      for (const final = await finalHeight(api); next <= final; next++) {
        if ((await makerOf(api, next)) === bobs) return true;
      }
      return false;
    }, { pause: 1000 });
  });
});
