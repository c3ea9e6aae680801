// The runtime is upgraded to its next version while a claim waits for its window and a job is about to come. The relay chain checks the new
// code first; then both end as if nothing had been.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { merkleizeMetadata } from '@polkadot-api/merkleize-metadata';
import { u8aToHex } from '@polkadot/util';
import { blake2AsHex } from '@polkadot/util-crypto';
import { alice, bob, charlie, connect, height, submit, tokens } from '../../lib/chain.mjs';
import { digitsPackage, image } from '../../lib/digits.mjs';
import { journey } from '../../lib/journey.mjs';
import { offer, priceOf, publishPackage, registerProvider, request, setParameters, untilJob } from '../../lib/market.mjs';
import { CACHE } from '../../lib/node.mjs';
import { until } from '../../lib/wait.mjs';

const NEXT = join(CACHE, 'runtimes/next/assay_runtime.wasm');

journey('a runtime upgrade while jobs are open', async (world) => {
  const { node, step } = world;
  let { api } = world;
  if (!existsSync(NEXT)) throw new Error(`${NEXT} is missing: scripts/runtime.sh next builds it`);
  const code = readFileSync(NEXT);
  const version = async () => (await api.rpc.state.getRuntimeVersion()).specVersion.toNumber();
  const before = await version();
  if (before !== 1) throw new Error('the chain is upgraded already: begin anew with scripts/testnet.sh up --fresh');

  const { version: model } = await step('Alice has published a model', () =>
    publishPackage(api, alice, digitsPackage('cnn')));
  await step('Bob provides', async () => {
    await registerProvider(api, bob, { workerSecret: '//Bob//worker', bond: tokens(api, 10_000) });
    await offer(api, bob, model, { perJob: tokens(api, 0.1) });
  });
  const ask = async () => request(api, charlie, model, image(0), { maxPrice: await priceOf(api, model) });

  const pending = await step('a claim waits for its window', async () => {
    await setParameters(api, alice, { challengeWindow: 40 });
    const job = await ask();
    await untilJob(api, job, 'Pending');
    return job;
  });
  await step('the upgrade is authorized, and its code brought', async () => {
    const authorize = api.tx.system.authorizeUpgrade(blake2AsHex(code, 256));
    await submit(api, api.tx.sudo.sudo(authorize), alice);
    await submit(api, api.tx.system.applyAuthorizedUpgrade(u8aToHex(code)), charlie);
  });
  const late = await step('a job comes between the code and its day', ask);
  await step('the relay chain lets it pass', async () => {
    await until('the next version', async () => (await version()) === before + 1, { seconds: 180 });
    // A client that was connected before knows the runtime APIs no more.
    api = await connect(node.url);
    assert.equal((await untilJob(api, pending, ['Pending', 'Final'])).status.type, 'Pending', 'still in its window');
  });
  await step('both jobs end with an answer, and so does a new one', async () => {
    const first = await height(api);
    await setParameters(api, alice, { challengeWindow: 5 });
    const jobs = [pending, late, await ask()];
    for (const job of jobs) assert.equal((await untilJob(api, job, 'Final')).status.asFinal.type, 'Answered');
    assert.ok((await height(api)) > first);
  });
  await step('a wallet can sign what it was shown by the metadata: by their hash, and by no other', async () => {
    const [call, hash] = [api.tx.system.remark('0x'), await metadataHash(api)];
    await submit(api, call, charlie, { mode: 1, metadataHash: hash });
    const another = submit(api, call, charlie, { mode: 1, metadataHash: `0x${'11'.repeat(32)}` });
    await assert.rejects(another, { name: 'pool', message: /bad signature/ });
  });
});

/** The hash of the runtime's metadata, as wallets compute it: RFC 78 of Polkadot's fellowship. */
async function metadataHash(api) {
  const metadata = (await api.call.metadata.metadataAtVersion(15)).unwrap().toU8a();
  const [decimals, tokenSymbol] = [api.registry.chainDecimals[0], api.registry.chainTokens[0]];
  return u8aToHex(merkleizeMetadata(metadata, { decimals, tokenSymbol }).digest());
}
