// Whatever a user gets wrong has a named error and costs at most the fee of the transaction.

import assert from 'node:assert/strict';
import { u8aToHex } from '@polkadot/util';
import {
  account, alice, balance, bob, charlie, dave, eventsNamed, eve, find, height, submit, tokens,
} from '../lib/chain.mjs';
import { claimCall, claimInBlock, claimedBy } from '../lib/claims.mjs';
import { digitsPackage, image } from '../lib/digits.mjs';
import { journey } from '../lib/journey.mjs';
import {
  SEGMENT_LENGTH, offer, plainSpec, publishPackage, quote, registerProvider, request, requestCall, setParameters,
  untilJob, uploadParams,
} from '../lib/market.mjs';
import { wasm, withParts } from '../lib/programs.mjs';

const KIB = 1024;
const nobody = account('//Nobody');

/**
 * Submits what is wrong: each row is what, the error, the call, and who signs if not Dave.
 * Nobody gains or loses anything but the fee.
 */
async function refuses({ api, step }, rows) {
  for (const [what, error, call, signer = dave] of rows) {
    await step(`${what}: ${error}`, async () => {
      const before = await balance(api, signer);
      const refused = await submit(api, call, signer).then(
        () => assert.fail('it was accepted'),
        (refused) => refused,
      );
      if (error instanceof RegExp) assert.match(`${refused.name}: ${refused.message}`, error);
      else assert.equal(refused.name, error);
      const after = await balance(api, signer);
      assert.equal(after.all, before.all - (refused.fee ?? 0n));
      assert.equal(after.held, before.held);
    });
  }
}

journey('bad programs', async (world) => {
  const { api } = world;
  const upload = (code) => api.tx.models.uploadProgram(u8aToHex(code));
  const good = withParts();
  const chain = (depth) => Array.from({ length: depth }, (_, index) =>
    `(func $f${index} ${index + 1 < depth ? `(call $f${index + 1})` : ''})`).join('\n');

  await refuses(world, [
    ['bytes that are no WASM', 'models.InvalidProgram', upload(Buffer.from('not a module'))],
    ['a module cut off', 'models.InvalidProgram', upload(good.subarray(0, good.length - 3))],
    ['one byte more than 128 KiB', 'models.ProgramTooLarge', upload(Buffer.alloc(128 * KIB + 1))],
    ['an unknown import', 'models.UnknownImport', upload(withParts({ imports: '(import "assay" "time" (func))' }))],
    ['no step', 'models.WrongExports', upload(wasm('(module (memory (export "memory") 1 1))'))],
    ['a memory that may grow', 'models.MemoryShape', upload(withParts({ memory: '(memory (export "memory") 1 2)' }))],
    ['memory.grow', 'models.MemoryGrow', upload(withParts({ body: '(drop (memory.grow (i32.const 1)))' }))],
    ['a table', 'models.Table', upload(withParts({ items: '(table 1 1 funcref)' }))],
    ['a start function', 'models.StartFunction', upload(withParts({ items: '(func $main) (start $main)' }))],
    ['recursion', 'models.Recursion', upload(withParts({ items: '(func $again (call $again))' }))],
    ['a chain of 200 calls', 'models.StackTooDeep', upload(withParts({ items: chain(200), body: '(call $f0)' }))],
    ['65 locals', 'models.TooManyLocals', upload(withParts({ items: `(func (local${' i32'.repeat(65)}))` }))],
    ['65 globals', 'models.TooManyGlobals', upload(withParts({ items: '(global i32 (i32.const 0))'.repeat(65) }))],
    ['65 KiB of data', 'models.TooMuchData', upload(withParts({
      memory: '(memory (export "memory") 2 2)',
      items: `(data (i32.const 0) "${'x'.repeat(65 * KIB)}")`,
    }))],
    ['data beyond the memory', 'models.NotInstantiable', upload(withParts({ items: '(data (i32.const 65536) "x")' }))],
  ]);

  await world.step('a good program is accepted', () => submit(api, upload(good), dave));
  await refuses(world, [['the same program again', 'models.ProgramAlreadyExists', upload(good)]]);
});

journey('bad uploads', async (world) => {
  const { api, step } = world;
  const segment = (params, index, length) => api.tx.models.uploadSegment(params, index, u8aToHex(Buffer.alloc(length)));

  const params = await step('Dave begins to upload two segments', async () => {
    const { events } = await submit(api, api.tx.models.beginParams(SEGMENT_LENGTH + 1), dave);
    return find(events, 'models.ParamsBegun').params.toNumber();
  });

  await refuses(world, [
    ['the second segment first', 'models.SegmentOutOfOrder', segment(params, 1, 1)],
    ['a segment too short', 'models.WrongSegmentLength', segment(params, 0, SEGMENT_LENGTH - 1)],
    ['a segment too long', 'models.WrongSegmentLength', segment(params, 0, SEGMENT_LENGTH + 1)],
    ["somebody else's upload", 'models.NotOwner', segment(params, 0, SEGMENT_LENGTH), eve],
    ['an upload that nobody began', 'models.ParamsNotFound', segment(params + 1, 0, 1)],
    ['more params than may be', 'models.ParamsTooLong', api.tx.models.beginParams(1n << 40n)],
  ]);
  await step('the first segment arrives', () => submit(api, segment(params, 0, SEGMENT_LENGTH), dave));
  await refuses(world, [
    ['the same segment again', 'models.SegmentAlreadyUploaded', segment(params, 0, SEGMENT_LENGTH)],
    ['removal of an active upload', 'models.UploadActive', api.tx.models.removeParams(params), eve],
  ]);
});

journey('bad versions', async (world) => {
  const { api, step } = world;
  const { model, program, params, version } = await step('Dave publishes a model', () =>
    publishPackage(api, dave, digitsPackage('mlp')));
  const spec = { ...plainSpec, program, params: { OnChain: params } };
  const publish = (changes, of = model) => api.tx.models.publishVersion(of, { ...spec, ...changes });
  const floatsOf = (count) => [{ name: 'x', dtype: 'F32', shape: [count] }];
  const create = (changes) => api.tx.models.createModel({ name: 'x', description: '', url: '', ...changes });
  const xs = (count) => 'x'.repeat(count);

  await refuses(world, [
    ['a model without a name', 'models.EmptyName', create({ name: '' })],
    ['a name of 65 bytes', 'models.NameTooLong', create({ name: xs(65) })],
    ['a description of 257 bytes', 'models.DescriptionTooLong', create({ description: xs(257) })],
    ['a URL of 100,000 bytes', 'models.UrlTooLong', create({ url: xs(100_000) })],
    ['a version of no model', 'models.ModelNotFound', publish({}, model + 1)],
    ["a version of somebody else's model", 'models.NotOwner', publish({}), eve],
    ['an unknown program', 'models.ProgramNotFound', publish({ program: `0x${'11'.repeat(32)}` })],
    ['unknown params', 'models.ParamsNotFound', publish({ params: { OnChain: params + 1 } })],
    ['an input above 64 KiB', 'models.InputTooLong', publish({ inputs: floatsOf(16 * KIB + 1) })],
    ['an output above 16 KiB', 'models.OutputTooLong', publish({ outputs: floatsOf(4 * KIB + 1) })],
    ['a tensor without elements', 'models.EmptyTensor', publish({ inputs: floatsOf(0) })],
    ['nine tensors', 'models.TooManyTensors', publish({ outputs: Array(9).fill(floatsOf(1)[0]) })],
    ['nine dimensions', 'models.TooManyDimensions', publish({ inputs: [{ ...floatsOf(1)[0], shape: Array(9).fill(1) }] })],
    ['a license of 65 bytes', 'models.LicenseTooLong', publish({ license: xs(65) })],
    ['65 labels', 'models.TooManyLabels', publish({ labels: Array(65).fill('x') })],
    ['no steps', 'models.MaxStepsOutOfRange', publish({ maxSteps: 0 })],
    ['more steps than may be', 'models.MaxStepsOutOfRange', publish({ maxSteps: 1n << 40n })],
    ['a royalty of everything', 'models.RoyaltyTooHigh', publish({ royalty: 1_000_000_000 })],
    ['removal of a version in service', 'models.NotDeprecated', api.tx.models.removeVersion(version)],
    ['removal of a program in use', 'models.ProgramInUse', api.tx.models.removeProgram(program)],
    ['removal of params in use', 'models.ParamsInUse', api.tx.models.removeParams(params)],
    ['removal of a model with versions', 'models.ModelHasVersions', api.tx.models.removeModel(model)],
  ]);

  const begun = await step('Dave begins to upload params', async () => {
    const { events } = await submit(api, api.tx.models.beginParams(1), dave);
    return find(events, 'models.ParamsBegun').params;
  });
  await refuses(world, [
    ['params that are not complete', 'models.ParamsIncomplete', publish({ params: { OnChain: begun } })],
  ]);
});

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

journey('bad claims', async (world) => {
  const { api, step } = world;
  const bond = tokens(api, 10_000);
  const { version } = await step('Alice has published a model', () => publishPackage(api, alice, digitsPackage('mlp')));
  const ask = async (provider) => {
    const maxFee = await quote(api, version);
    return request(api, dave, version, image(0), { maxFee, provider });
  };

  const bobsWorker = await step('Bob provides honestly', async () => {
    const worker = await registerProvider(api, bob, { workerSecret: '//Bob//worker', bond });
    await offer(api, bob, version, { perJob: tokens(api, 0.1) });
    return worker;
  });
  const [bobsJob, bobsClaim] = await step('Bob has claimed a job', async () => {
    const [job, firstBlock] = [await ask(bob.address), await height(api)];
    await untilJob(api, job, 'Pending');
    const [claimed] = await eventsNamed(api, 'jobs.Claimed', firstBlock, await height(api));
    return [job, await claimInBlock(api, claimed.number, job)];
  });
  await refuses(world, [
    ['a second claim', 'jobs.NotAssigned', claimCall(api, bobsWorker, bobsJob, bobsClaim)],
    ['a claim for no job', 'jobs.NotFound', claimCall(api, bobsWorker, 1_000, bobsClaim)],
  ]);

  const charliesWorker = await step('Charlie provides, by hand instead of a node', async () => {
    await setParameters(api, alice, { claimDeadline: 120 });
    const worker = await registerProvider(api, charlie, { workerSecret: '//Charlie//worker', bond, silent: true });
    await offer(api, charlie, version, { perJob: tokens(api, 0.1) });
    return worker;
  });
  const job = await step('Charlie has a job with the same input', async () => {
    const job = await ask(charlie.address);
    await untilJob(api, job, 'Assigned');
    return job;
  });

  const right = claimedBy(bobsClaim, { provider: charlie, job });
  const other = `0x${'11'.repeat(32)}`;
  const claim = (changes, worker = charliesWorker) => claimCall(api, worker, job, { ...right, ...changes });
  const states = right.opening.whole;
  const replaced = (index) => ({ whole: states.map((state, at) => (at === index ? other : state)) });
  await refuses(world, [
    ["Bob's claim under Charlie's name", 'jobs.WrongRoot', claimCall(api, charliesWorker, job, bobsClaim)],
    ["a claim signed with Bob's key", 'jobs.BadSignature', claim({}, bobsWorker)],
    ['no steps', 'jobs.WrongSteps', claim({ steps: 0 })],
    ['more steps than the version allows', 'jobs.WrongSteps', claim({ steps: right.steps + 1 })],
    ['a state too few', 'jobs.WrongOpening', claim({ opening: { whole: states.slice(1) } })],
    ['a trace opened like a long one', 'jobs.WrongOpening', claim({ opening: { ends: { first: [], last: [] } } })],
    ['another first state', 'jobs.WrongStart', claim({ opening: replaced(0) })],
    ['another last state', 'jobs.WrongEnd', claim({ opening: replaced(states.length - 1) })],
    ['another state in between', 'jobs.WrongRoot', claim({ opening: replaced(1) })],
    ['another trace root', 'jobs.WrongRoot', claim({ traceRoot: other })],
    ['another end', 'jobs.WrongEnd', claim({ end: { ...right.end, pc: 77 } })],
    ['an end without its output', 'jobs.WrongOutput', claim({ output: { nodes: [] } })],
    ['an output that is not in the end', 'jobs.WrongOutput', claim({ output: { nodes: [{ zero: null }] } })],
    ['a claim of 40 KiB', 'jobs.ClaimTooLarge', claim({
      output: { nodes: Array.from({ length: 10 }, () => ({ chunk: `0x${'22'.repeat(4 * KIB)}` })) },
    })],
  ]);

  await step('the right claim is accepted, whoever submits it, without a fee', async () => {
    const before = await balance(api, eve);
    await submit(api, claim({}), eve);
    assert.equal((await balance(api, eve)).all, before.all);
    assert.equal((await untilJob(api, job, 'Final')).status.asFinal.type, 'Answered');
  });

  const late = await step('Charlie lets a job lie until it is over', async () => {
    await setParameters(api, alice, { claimDeadline: 2 });
    const job = await ask(charlie.address);
    await untilJob(api, job, 'Final');
    return job;
  });
  const lateClaim = claimedBy(bobsClaim, { provider: charlie, job: late });
  await refuses(world, [['a late claim', 'jobs.NotFound', claimCall(api, charliesWorker, late, lateClaim)]]);
});
