// A collator is ended with SIGKILL while a job is open. The other one goes on alone; started again, it makes blocks again.

import assert from 'node:assert/strict';
import { u8aToHex } from '@polkadot/util';
import { accountOf, alice, bob, charlie, finalHeight, height, tokens } from '../../lib/chain.mjs';
import { digitsPackage, image } from '../../lib/digits.mjs';
import { journey } from '../../lib/journey.mjs';
import { offer, priceOf, publishPackage, registerProvider, request, untilJob } from '../../lib/market.mjs';
import { until } from '../../lib/wait.mjs';
import { named } from '../nodes.mjs';
import { kill, start } from '../processes.mjs';

/** The public key of the collator that made a block. */
async function makerOf(api, number) {
  const hash = await api.rpc.chain.getBlockHash(number);
  const { digest } = await api.rpc.chain.getHeader(hash);
  const [, data] = digest.logs.find((log) => log.isPreRuntime && log.asPreRuntime[0].isAura).asPreRuntime;
  const slot = data.toU8a(true).reduceRight((slot, byte) => slot * 256n + BigInt(byte), 0n);
  const collators = await (await api.at(hash)).query.aura.authorities();
  return collators[Number(slot % BigInt(collators.length))].toHex();
}

journey('a collator killed in the middle of a job', async ({ api, step }) => {
  const collator = named('collator-bob');
  const { version } = await step('Alice has published a model', () => publishPackage(api, alice, digitsPackage('mlp')));
  await step('Bob provides', async () => {
    await registerProvider(api, bob, { workerSecret: '//Bob//worker', bond: tokens(api, 10_000) });
    await offer(api, bob, version, { perJob: tokens(api, 0.1) });
  });

  const job = await step('Charlie requests an answer, and a collator is killed', async () => {
    const job = await request(api, charlie, version, image(0), { maxPrice: await priceOf(api, version) });
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
    const bobs = u8aToHex(accountOf('//Bob').publicKey);
    let next = (await height(api)) + 1;
    await until('a final block of the collator', async () => {
      for (const final = await finalHeight(api); next <= final; next++) {
        if ((await makerOf(api, next)) === bobs) return true;
      }
      return false;
    }, { pause: 1000 });
  });
});
