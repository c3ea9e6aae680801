// Weights that the chain has not seen. Who does not get them gives the job back, and loses nothing. Anybody asks for a
// part of them; where nobody shows it, the version is frozen.

import assert from 'node:assert/strict';
import { u8aToHex } from '@polkadot/util';
import { alice, balance, bob, dave, eventsSince, eve, height, reached, submit } from '../lib/chain.mjs';
import { journey } from '../lib/journey.mjs';
import { bobProvides, requestOf } from '../lib/liar.mjs';
import { jobInfo, publishFolding, requestCall, untilJob } from '../lib/market.mjs';
import { paramsOfOneChunk } from '../lib/memory.mjs';
import { word } from '../lib/programs.mjs';
import { refuses } from '../lib/refusals.mjs';

const WEIGHTS = Buffer.from('weights that Alice keeps to herself');
const CHUNK = 0;

journey('withheld weights', async (world) => {
  const { api, step } = world;
  const { root, proof } = paramsOfOneChunk(WEIGHTS);
  const show = () => submit(api, api.tx.models.showChunk(version, CHUNK, proof), alice);
  const ask = async () => {
    const firstBlock = await height(api);
    await submit(api, api.tx.models.askChunk(version, CHUNK), eve);
    const [{ until }] = await eventsSince(api, 'models.ChunkAsked', firstBlock);
    return until.toNumber();
  };
  const request = () => requestCall(api, version, word(1), { maxPrice: { perJob: 10n ** 12n, perStep: 0n } });

  const version = await step('Alice has published a version, and the chain knows the root of its weights', () =>
    publishFolding(api, alice, {
      steps: 3,
      params: { External: { root: u8aToHex(root), len: WEIGHTS.length, locations: [] } },
    }));

  await step("Bob's node does not get them, and gives its job back without a loss", async () => {
    await bobProvides(api, version);
    const stake = async () => (await api.query.providers.providers(bob.address)).unwrap().bonded.toBigInt();
    const [before, firstBlock] = [await stake(), await height(api)];
    const job = await requestOf(api, bob, version);
    assert.equal((await untilJob(api, job, 'Final')).status.asFinal.type, 'Expired');
    const [declined] = await eventsSince(api, 'jobs.Declined', firstBlock);
    assert.ok(declined.provider.eq(bob.address));
    assert.equal(await stake(), before);
    assert.equal((await api.call.jobsApi.quote(version, null)).length, 0, 'nor does it get another one');
  });

  await step('Eve asks for them, Alice shows them, and the question costs Eve her bond', async () => {
    const bond = api.consts.models.chunkBond.toBigInt();
    const before = await balance(api, eve);
    await ask();
    assert.equal((await balance(api, eve)).held, before.held + bond);
    await show();
    const after = await balance(api, eve);
    assert.equal(after.held, before.held);
    assert.ok(before.all - after.all >= bond);
    assert.ok((await api.call.modelsApi.version(version)).unwrap().frozen.isFalse);
  });

  await step('Eve asks again, nobody shows them, and the version is frozen', async () => {
    const until = await ask();
    await reached(api, until);
    assert.ok((await api.call.modelsApi.version(version)).unwrap().frozen.isFalse, 'in its last block it is in time');
    await reached(api, until + 1);
    assert.ok((await api.call.modelsApi.version(version)).unwrap().frozen.isTrue);
  });
  await refuses(world, [
    ['a request for a frozen version', 'jobs.VersionFrozen', request()],
    ['weights of something else', 'models.WrongChunk',
      api.tx.models.showChunk(version, CHUNK, paramsOfOneChunk(Buffer.from('others')).proof)],
  ]);

  await step('her bond comes back, and when Alice shows them the version takes jobs again', async () => {
    const { held } = await balance(api, eve);
    await submit(api, api.tx.models.reclaimChunkBond(version, CHUNK), dave);
    assert.ok((await balance(api, eve)).held < held);
    await show();
    await submit(api, request(), dave);
    const job = (await api.query.jobs.nextJobId()).toNumber() - 1;
    assert.equal((await jobInfo(api, job)).status.type, 'Queued');
  });
});
