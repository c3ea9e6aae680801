// A provider's life by the tool `assay`, from the stake to its return, with what can go wrong for those who ask it.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { account, alice, balance, dave, eve, own, submit, tokens } from '../lib/chain.mjs';
import { digitsPackage, image } from '../lib/digits.mjs';
import { journey } from '../lib/journey.mjs';
import { offer, publishFolding, registerProvider, setParameters } from '../lib/market.mjs';
import { encodePackage } from '../lib/packages.mjs';
import { EXIT, Tool } from '../lib/tool.mjs';
import { behindTls, TRUSTED } from '../lib/tls.mjs';
import { until } from '../lib/wait.mjs';

/** The input of a program that folds. */
const SEED = `seed=${JSON.stringify([1, 0, 0, 0, 0, 0, 0, 0])}`;

journey('a provider by the command line', async ({ api, node, step }) => {
  const tool = new Tool(node.url);
  const [publisher, provider, asker] = ['//Dave', '//Bob', '//Charlie'].map(own);
  const digits = digitsPackage('mlp');
  writeFileSync(tool.path('mlp.assay'), digits.bytes);
  const status = () => tool.json(['provider', 'status', '--key', provider]);
  const stake = tokens(api, 1_000);

  await step('a package that the chain would refuse in the end is refused before the upload', async () => {
    const labels = Array.from({ length: 65 }, (_, label) => `${label}`);
    writeFileSync(tool.path('labels.assay'), encodePackage({ ...digits, manifest: { ...digits.manifest, labels } }));
    const before = await api.query.system.account(dave.address);
    const call = ['model', 'publish', 'labels.assay', '--key', publisher];
    await tool.fails(call, EXIT.usage, /the labels: 65 entries, and the chain takes 64 at most: .*--labels/);
    await tool.fails(['model', 'publish', 'mlp.assay', '--royalty', '51', '--key', publisher], EXIT.usage, /--royalty/);
    assert.ok((await api.query.system.account(dave.address)).eq(before));
  });

  await step('a version is published whose params are on the web', async () => {
    const locations = ['https://models.example/mlp', 'https://mirror.example/mlp'];
    const external = locations.flatMap((location) => ['--external', location]);
    const published = await tool.json(['model', 'publish', 'mlp.assay', '--name', 'far', ...external, '--key', publisher]);
    const { details } = (await api.call.modelsApi.version(published.version)).unwrap();
    assert.deepEqual(details.locations.map((location) => location.toUtf8()), locations);
    const shown = await tool.text(['model', 'show', published.model]);
    for (const location of locations) assert.ok(shown.includes(location), shown);
    const again = await tool.json(['model', 'publish', 'mlp.assay', '--name', 'far', ...external, '--key', publisher]);
    assert.deepEqual(again, { ...published, new: false });
  });

  const { model, version } = await step('and one whose params are on the chain', () =>
    tool.json(['model', 'publish', 'mlp.assay', '--key', publisher]));

  await step('by TLS, from a node whose certificate is known, and from no other', async () => {
    const cable = await behindTls(node.rpcPort).start();
    const call = ['model', 'show', model, '--url', `wss://localhost:${cable.port}`];
    try {
      const { name } = await tool.json(call, { environment: TRUSTED });
      assert.equal(name, digits.manifest.name);
      await tool.fails(call, EXIT.unreachable, /certificate/);
    } finally {
      await cable.stop();
    }
  });

  await step('Bob stakes, adds to it, and offers', async () => {
    await tool.text(['provider', 'register', '--bond', '900', '--key', provider]);
    await tool.text(['provider', 'bond', '100', '--key', provider]);
    await tool.text(['provider', 'offer', version, '--per-job', '0.1', '--key', provider]);
    const { bonded, status: state } = await status();
    assert.deepEqual([bonded, state], [`${stake}`, 'active']);
    const final = await api.at(await api.rpc.chain.getFinalizedHead());
    const offered = await final.query.providers.offersOf(account('//Bob').address);
    assert.deepEqual(offered.toJSON(), [version], 'what the tool says to be done stays so');
  });

  await step('another worker key takes over, and answers', async () => {
    const { address } = await tool.json(['keys', 'new', 'second-worker']);
    const { worker } = await tool.json(['provider', 'worker', '--worker', 'second-worker', '--key', provider]);
    assert.equal((await api.call.providersApi.providerOf(worker)).unwrap().toString(), account('//Bob').address);
    assert.ok((await api.rpc.author.hasKey(worker, 'assy')).isTrue);
    const { job, outcome } = await tool.json(['infer', version, '--input', `image=${values(0)}`, '--key', asker, '--yes']);
    assert.equal(outcome, 'answered');
    assert.ok((await api.query.jobs.receipts(job)).isSome);
    assert.ok(address);
  });

  await step('paused, he is not asked; resumed, he is', async () => {
    const call = ['infer', version, '--input', `image=${values(1)}`, '--key', asker, '--yes', '--json'];
    await tool.text(['provider', 'pause', '--key', provider]);
    assert.equal((await status()).status, 'paused');
    const { error } = await tool.fails(call, EXIT.failed, /./);
    assert.deepEqual(pick(JSON.parse(error)), { error: 'failed', exit_code: EXIT.failed });
    await tool.text(['provider', 'resume', '--key', provider]);
    assert.equal(JSON.parse(await tool.text(call)).outcome, 'answered');
  });

  await step('Prometheus is told how it goes', async () => {
    const { child, ended } = tool.start(['provider', 'metrics', '--listen', '127.0.0.1:0', '--key', provider]);
    let told = '';
    child.stderr.on('data', (text) => (told += text));
    const url = await until('its address', () => told.match(/http:\S+/)?.[0]);
    const text = await (await fetch(url)).text();
    child.kill();
    await ended;
    assert.match(text, /^assay_provider_jobs_total\{outcome="completed"\} 2$/m);
    assert.match(text, /^assay_provider_stake_plancks\{part="free"\} 1000000000000000$/m);
  });

  const endless = await step('a program that does not finish is no answer, and a machine reads so', async () => {
    const endless = await publishFolding(api, alice, { steps: 8, maxSteps: 4 });
    await tool.text(['provider', 'offer', endless, '--per-job', '0.1', '--key', provider]);
    const call = ['infer', endless, '--input', SEED, '--key', asker, '--until', 'pending', '--yes', '--json'];
    const claimed = await tool.fails(call, EXIT.unanswered, /./);
    const { job, outputs } = JSON.parse(claimed.out);
    assert.equal(outputs, null);
    const { out, error } = await tool.fails(['job', 'watch', job, '--json'], EXIT.unanswered, /./);
    assert.equal(JSON.parse(out).outcome, 'failed');
    assert.deepEqual(pick(JSON.parse(error)), { error: 'unanswered', exit_code: EXIT.unanswered });
    return endless;
  });

  await step('its owner removes it, and Bob is told to take his offer back', async () => {
    await submit(api, api.tx.models.deprecateVersion(endless), alice);
    await submit(api, api.tx.models.removeVersion(endless), alice);
    assert.match(await tool.text(['provider', 'status', '--key', provider]), new RegExp(`offer ${endless} --remove`));
    await tool.text(['provider', 'offer', endless, '--remove', '--key', provider]);
    assert.equal((await status()).offers.length, 1);
  });

  await step('an output that is not what the version says is paid, and shown', async () => {
    const outputs = [{ name: 'fold', dtype: 'U8', shape: [3] }];
    const odd = await publishFolding(api, alice, { steps: 4, outputs });
    await tool.text(['provider', 'offer', odd, '--per-job', '0.1', '--key', provider]);
    const answer = await tool.json(['infer', odd, '--input', SEED, '--key', asker, '--yes']);
    assert.equal(answer.outputs.output.data.length, 8);
    assert.match(answer.note, /gave 8 bytes, and the version's outputs have 3/);
    await tool.text(['provider', 'offer', odd, '--remove', '--key', provider]);
  });

  await step('a provider without a node does not answer in time', async () => {
    await setParameters(api, alice, { claimDeadline: 3 });
    await registerProvider(api, eve, { workerSecret: '//Eve//worker', bond: stake, silent: true });
    await offer(api, eve, version, { perJob: tokens(api, 0.1) });
    const call = ['infer', version, '--provider', eve.address, '--input', `image=${values(2)}`, '--key', asker, '--yes'];
    const { out } = await tool.fails(call, EXIT.unanswered, /nobody answered in time; the whole fee went back/);
    assert.match(out, /state {5}final: expired/);
  });

  await step('what the chain refuses a machine reads by call and name', async () => {
    const call = ['provider', 'deregister', '--key', provider, '--json'];
    const { error } = await tool.fails(call, EXIT.refused, /./);
    const { call: refused, name } = JSON.parse(error);
    assert.deepEqual([refused, name], ['providers.deregister', 'providers.HasOffers']);
    const usage = await tool.fails(['provider', 'bond', '--json'], EXIT.usage, /./);
    assert.equal(JSON.parse(usage.error).error, 'usage');
  });

  await step('Bob unbonds, and has to wait', async () => {
    await tool.text(['provider', 'pause', '--key', provider]);
    await tool.text(['provider', 'offer', version, '--remove', '--key', provider]);
    await tool.text(['provider', 'unbond', '400', '--key', provider]);
    await tool.text(['provider', 'unbond', '600', '--key', provider]);
    const withdraw = ['provider', 'withdraw', '--key', provider];
    await tool.fails(withdraw, EXIT.refused, /providers\.NothingToWithdraw/);
    await tool.fails(['provider', 'deregister', '--key', provider], EXIT.refused, /providers\.HasStake/);
  });

  await step('when the time has come he takes out what is due, and leaves with the rest', async () => {
    const bob = account('//Bob');
    await letPass(api, bob, [0]);
    const { withdrawn } = await tool.json(['provider', 'withdraw', '--key', provider]);
    assert.equal(withdrawn, `${tokens(api, 400)}`);
    await letPass(api, bob, [0]);
    const { status: state } = await tool.json(['provider', 'deregister', '--key', provider]);
    assert.equal(state, 'deregistered');
    assert.equal((await balance(api, bob)).held, 0n);
    await tool.fails(['provider', 'status', '--key', provider], EXIT.failed, /is not on the chain/);
  });

  tool.remove();
});

/** The pixels of a test image, as JSON. */
function values(number) {
  const bytes = image(number);
  return JSON.stringify(Array.from({ length: bytes.length / 4 }, (_, pixel) => bytes.readFloatLE(4 * pixel)));
}

const pick = ({ error, exit_code }) => ({ error, exit_code });

/** Moves the end of some unbonding periods, which have two weeks, to the first block: by root, who may write any state. */
async function letPass(api, provider, chunks) {
  const { providers } = api.query.providers;
  const record = (await providers(provider.address)).unwrap();
  const changed = record.toJSON();
  for (const chunk of chunks) changed.unbonding[chunk].unlocksAt = 1;
  const { value } = providers.creator.meta.type.asMap;
  const encoded = api.createType(api.registry.createLookupType(value), changed).toHex();
  await submit(api, api.tx.sudo.sudo(api.tx.system.setStorage([[providers.key(provider.address), encoded]])), alice);
}
