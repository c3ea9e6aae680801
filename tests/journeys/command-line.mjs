// Everything by the tool `assay`: keys, a model, a provider, an answer, and what is wrong, each with its exit code.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Cable } from '../lib/cable.mjs';
import { accountOf, alice, charlie, own, submit, tokens } from '../lib/chain.mjs';
import { best, digitsPackage, distance, image, label, reference } from '../lib/digits.mjs';
import { journey } from '../lib/journey.mjs';
import { request, SEGMENT_LENGTH } from '../lib/market.mjs';
import { encodePackage } from '../lib/packages.mjs';
import { EXIT, Tool } from '../lib/tool.mjs';
import { until } from '../lib/wait.mjs';

/** Segments of the params: some blocks' worth. */
const SEGMENTS = 40;

journey('the chain by the command line', async ({ api, node, step }) => {
  const tool = new Tool(node.url);
  const [dave, asker] = ['//Dave', '//Charlie'].map(own);
  // The chain may have been used before.
  const params = (await api.query.models.nextParams()).toNumber();
  const model = (await api.query.models.nextModel()).toNumber();
  const digits = longer(digitsPackage('cnn'));
  writeFileSync(tool.path('cnn.assay'), digits);
  writeFileSync(tool.path('image.f32'), image(0));

  const provider = await step('keys are made, in files that their owner alone reads', async () => {
    const { address, file } = await tool.json(['keys', 'new', 'provider']);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual((await tool.json(['keys', 'list'])).map(({ name }) => name), ['provider']);
    return address;
  });

  await step('a secret is printed only where it is asked for, and makes the same key again', async () => {
    const shown = await tool.text(['keys', 'show', 'provider', '--json']);
    const { secret } = await tool.json(['keys', 'show', 'provider', '--secret']);
    assert.equal(secret.split(' ').length, 12);
    assert.ok(!shown.includes(secret));
    assert.equal(accountOf(secret).address, provider);
    const { address } = await tool.json(['keys', 'import', 'copy'], { input: `${secret}\n` });
    assert.equal(address, provider);
    await tool.text(['keys', 'remove', 'copy', '--yes']);
    await tool.fails(['keys', 'show', 'copy'], EXIT.failed, /`assay keys list`/);
  });

  await step('nothing is no secret, and a key that everybody has is none', async () => {
    for (const input of ['', '\n', '//Alice\n']) {
      await tool.fails(['keys', 'import', 'copy'], EXIT.failed, /no secret/, { input });
    }
    assert.equal((await tool.json(['keys', 'list'])).length, 1);
  });

  await step('a key that cannot be read does not hide the others', async () => {
    const broken = join(dirname((await tool.json(['keys', 'show', 'provider'])).file), 'broken.json');
    writeFileSync(broken, '{', { mode: 0o600 });
    const [first, second] = await tool.json(['keys', 'list']);
    assert.match(first.error, /this is no key/);
    assert.equal(second.address, provider);
    rmSync(broken);
  });

  await step('a locked key opens with its password', async () => {
    const environment = { ASSAY_PASSWORD: 'open' };
    const { locked, file } = await tool.json(['keys', 'new', 'locked', '--password'], { environment });
    const { secret } = await tool.json(['keys', 'show', 'locked', '--secret'], { environment });
    assert.ok(locked && !readFileSync(file, 'utf8').includes(secret));
    await tool.fails(['keys', 'show', 'locked', '--secret'], EXIT.failed, /password/, {
      environment: { ASSAY_PASSWORD: 'other' },
    });
    await tool.fails(['keys', 'show', 'locked', '--secret'], EXIT.failed, /ASSAY_PASSWORD/);
  });

  await step('publishing is killed in the middle', async () => {
    const { child, ended } = tool.start(['model', 'publish', 'cnn.assay', '--key', dave, '--royalty', '5']);
    await until('some segments to arrive', async () => (await arrived(api, params)) > 0);
    child.kill('SIGKILL');
    await ended;
    assert.ok((await arrived(api, params)) < SEGMENTS);
  });

  const version = await step('run again, it uploads what is missing and no more', async () => {
    const { out, error, code } = await tool.start(
      ['model', 'publish', 'cnn.assay', '--key', dave, '--royalty', '5'],
    ).ended;
    assert.equal(code, EXIT.done, error);
    assert.match(error, /the program is on the chain already/);
    const [, there] = error.match(new RegExp(`the params ${params} have (\\d+) of ${SEGMENTS} segments already`));
    assert.match(error, new RegExp(`uploaded: ${SEGMENTS - there} segments`));
    assert.ok(there > 0 && there < SEGMENTS);
    assert.equal((await api.query.models.nextParams()).toNumber(), params + 1);
    return Number(out.match(/version (\d+) of model/)[1]);
  });

  await step('run once more, it publishes nothing', async () => {
    const again = await tool.json(['model', 'publish', 'cnn.assay', '--key', dave, '--royalty', '5']);
    assert.deepEqual(again, { model, version, new: false });
  });

  await step('the model is listed and shown', async () => {
    const listed = (await tool.json(['model', 'list'])).find((listed) => listed.model === model);
    assert.deepEqual([listed.name, listed.versions], ['digits-cnn', [version]]);
    const shown = await tool.json(['model', 'show', model]);
    assert.equal(shown.versions[0].royalty_percent, 5);
    assert.deepEqual(shown.versions[0].inputs, [{ name: 'image', dtype: 'f32', shape: [1, 1, 8, 8] }]);
  });

  await step('nobody answers yet, and the tool says where to look', () =>
    tool.fails(['infer', version, '--input', 'image.f32', '--key', asker], EXIT.failed, new RegExp(`\`assay model show ${model}\``)));

  await step('an account without funds is refused by the chain', async () => {
    const call = ['provider', 'register', '--bond', '1000', '--key', 'provider'];
    await tool.fails(call, EXIT.refused, /refused providers\.register: pool: .*Inability to pay/);
  });

  await step('with funds it registers; its worker key is made, and is in the node', async () => {
    await submit(api, api.tx.balances.transferKeepAlive(provider, tokens(api, 1_100)), alice);
    const { worker } = await tool.json(['provider', 'register', '--bond', '1000', '--key', 'provider']);
    assert.equal((await api.call.providersApi.providerOf(worker)).unwrap().toString(), provider);
    assert.ok((await api.rpc.author.hasKey(worker, 'assy')).isTrue);
  });

  await step('a second registration is refused by name, and with what that means', () =>
    tool.fails(
      ['provider', 'register', '--bond', '1000', '--key', 'provider'],
      EXIT.refused,
      /providers\.AlreadyRegistered: \w+/,
    ));

  await step('it offers the model', async () => {
    const prices = ['--per-job', '0.1', '--per-step', '10000000000plancks', '--capacity', '4'];
    await tool.text(['provider', 'offer', version, ...prices, '--key', 'provider']);
    const status = await tool.json(['provider', 'status', 'provider']);
    assert.deepEqual(status.node, { has_worker_key: true, off_chain_indexing: true });
    assert.equal(status.free_stake, `${tokens(api, 1_000)}`);
    const [offer] = status.offers;
    assert.deepEqual([offer.version, offer.per_job, offer.capacity, offer.takes_jobs],
      [version, `${tokens(api, 0.1)}`, 4, true]);
  });

  await step('an input of another shape is refused before anything is paid', async () => {
    const jobsBefore = (await api.query.jobs.nextJobId()).toNumber();
    const call = ['infer', version, '--input', 'image=[1,2,3]', '--key', asker];
    await tool.fails(call, EXIT.failed, /image.*\[1, 1, 8, 8\]/);
    assert.equal((await api.query.jobs.nextJobId()).toNumber(), jobsBefore);
  });

  await step('Charlie asks, and gets the final answer, which is that of onnxruntime', async () => {
    const call = ['infer', version, '--input', 'image=image.f32', '--key', asker, '--output', 'answer'];
    const jobsBefore = (await api.query.jobs.nextJobId()).toNumber();
    for (const unasked of [call, [...call, '--json']]) await tool.fails(unasked, EXIT.usage, /--yes, or --max-fee/);
    assert.equal((await api.query.jobs.nextJobId()).toNumber(), jobsBefore);
    const answer = await tool.json([...call, '--max-fee', '1']);
    const { data, shape } = answer.outputs.probabilities;
    assert.deepEqual([answer.status, answer.outcome, shape], ['final', 'answered', [1, 10]]);
    assert.ok(distance(data, reference('cnn', 0)) <= 1e-5);
    assert.equal(best(data), label(0));
    assert.equal(answer.provider, provider);
    const receipt = (await api.query.jobs.receipts(answer.job)).unwrap();
    assert.equal(answer.paid, receipt.paid.toString());
    assert.equal(answer.receipt.output_hash, receipt.claim.unwrap().outputHash.toHex());
    assert.ok(statSync(tool.path('answer/probabilities.npy')).size > 0);
  });

  const job = await step('a person sees the states as they come, and the label', async () => {
    const { out, error, code } = await tool.start(
      ['infer', version, '--input', 'image.f32', '--key', asker, '--until', 'pending', '--yes'],
    ).ended;
    assert.equal(code, EXIT.done, error);
    const [, job] = error.match(/job (\d+) is requested[^]*block \d+: (?:pending|final)/);
    assert.match(out, new RegExp(`%  ${label(0)}\n`));
    return job;
  });

  const cutOff = await step('cut off while its request is on its way, it says that nobody knows what came of it', async () => {
    const next = async () => (await api.query.jobs.nextJobId()).toNumber();
    const requested = await next();
    const cable = await new Cable(node.rpcPort).start();
    cable.cutAt('"ready"');
    const call = ['infer', version, '--input', 'image.f32', '--key', asker, '--yes', '--json'];
    try {
      const { error } = await tool.fails([...call, '--url', `ws://127.0.0.1:${cable.port}`], EXIT.unknown, /look on the chain/);
      assert.equal(JSON.parse(error).call, 'jobs.request');
    } finally {
      await cable.stop();
    }
    await until('the request to be in a block', async () => (await next()) > requested);
    return requested;
  });

  await step('a job is shown, and waited for', async () => {
    for (const each of [job, cutOff]) assert.equal((await tool.json(['job', 'watch', each])).outcome, 'answered');
    const shown = await tool.text(['job', 'show', job]);
    assert.match(shown, /state {5}final: answered/);
    await tool.fails(['job', 'show', 999_999], EXIT.failed, /job 999999 is not on the chain/);
  });

  await step('less than anybody asks is not offered', () =>
    tool.fails(
      ['infer', version, '--input', 'image.f32', '--key', asker, '--max-fee', '1plancks'],
      EXIT.failed,
      /the cheapest offer comes to .* and --max-fee is 0\.000000000001/,
    ));

  await step('the provider takes its offer back and leaves', async () => {
    assert.equal((await tool.json(['provider', 'status', 'provider'])).stats.completed, 3);
    await tool.text(['provider', 'offer', version, '--remove', '--key', 'provider']);
    const { unbonding } = await tool.json(['provider', 'unbond', '1000', '--key', 'provider']);
    assert.equal(unbonding, `${tokens(api, 1_000)}`);
    await tool.fails(
      ['provider', 'withdraw', '--key', 'provider'],
      EXIT.refused,
      /providers\.NothingToWithdraw/,
    );
  });

  await step('a wait for a job that ends without an answer ends too', async () => {
    const cancelled = await request(api, charlie, version, image(0), { maxPrice: { perJob: tokens(api, 1), perStep: 0n } });
    const watching = tool.start(['job', 'watch', cancelled]);
    await submit(api, api.tx.jobs.cancel(cancelled), charlie);
    const { out, error, code } = await watching.ended;
    assert.equal(code, EXIT.unanswered, error);
    assert.match(error, /ended without an answer: it was cancelled; the whole fee went back/);
    assert.match(out, /state {5}final: cancelled/);
  });

  await step('what is no argument, no key and no node each has its exit code, and what to do', async () => {
    const stake = ['provider', 'bond', '--key', 'provider'];
    await tool.fails([...stake, '1.5x'], EXIT.usage, /1\.5 is ASSAY/);
    await tool.fails(['provider', 'bond', '1'], EXIT.usage, /--key NAME or ASSAY_KEY/);
    await tool.fails(['provider', 'bond', '1', '--key', 'nobody'], EXIT.failed, /`assay keys new nobody`/);
    const nowhere = { environment: { ASSAY_URL: 'ws://127.0.0.1:1' } };
    await tool.fails([...stake, '1'], EXIT.unreachable, /assay-node --dev.*--url/, nowhere);
    await tool.fails([...stake, '1', '--url', 'nowhere'], EXIT.usage, /ws:\/\//);
  });

  await step('a shell learns the commands', async () => {
    assert.match(await tool.text(['completions', 'bash']), /provider/);
  });

  tool.remove();
});

/** Segments of some params that the chain has. */
async function arrived(api, params) {
  const record = await api.query.models.params(params);
  if (record.isNone) return 0;
  const { status } = record.unwrap();
  return status.isComplete ? SEGMENTS : status.asUploading.frontier.segments.toNumber();
}

/** The package with params that fill more segments, which its program does not read. */
function longer({ manifest, program, params }) {
  const all = Buffer.concat([params, randomBytes(SEGMENTS * SEGMENT_LENGTH - params.length)]);
  return encodePackage({ manifest: { ...manifest, params_len: all.length }, program, params: all });
}
