// A provider's node is started again with nothing but its keys. It follows the chain from its first block, so that it has the
// params of all models again, and answers.

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { alice, bob, charlie, connect, tokens } from '../../lib/chain.mjs';
import { digitsPackage, image } from '../../lib/digits.mjs';
import { journey } from '../../lib/journey.mjs';
import { offer, priceOf, publishPackage, registerProvider, request, untilJob } from '../../lib/market.mjs';
import { until } from '../../lib/wait.mjs';
import { named } from '../nodes.mjs';
import { stateOf } from '../state.mjs';

journey('a node with an empty database', async (world) => {
  const { step } = world;
  const [node, other] = ['provider-1', 'provider-2'].map(named);
  const { version } = await step('Alice has published a model', () =>
    publishPackage(world.api, alice, digitsPackage('cnn')));
  await step('Bob provides', async () => {
    await registerProvider(world.api, bob, { workerSecret: '//Bob//worker', bond: tokens(world.api, 10_000) });
    await offer(world.api, bob, version, { perJob: tokens(world.api, 0.1) });
  });

  await step('his node loses its database, and is as far as the others again', async () => {
    await world.api.disconnect();
    await world.node.end();
    rmSync(join(node.folder, 'data/chains/assay-local/db'), { recursive: true });
    await world.node.start();
    const { best } = await until('the other node to answer', async () => stateOf(other));
    // Until it knows of a final block, it reads the first one's state, which it does not keep for long.
    await until('the node to catch up', async () => (await stateOf(node)).final >= best, { seconds: 300 });
    world.api = await connect(node.url);
  });

  await step('it has the params again, and answers', async () => {
    const { api } = world;
    const job = await request(api, charlie, version, image(0), { maxPrice: await priceOf(api, version) });
    assert.equal((await untilJob(api, job, 'Final')).status.asFinal.type, 'Answered');
  });
});
