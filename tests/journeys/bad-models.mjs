// Whatever is wrong with a program, an upload or a version has a named error and costs at most the fee of the
// transaction.

import { u8aToHex } from '@polkadot/util';
import { dave, eve, find, submit } from '../lib/chain.mjs';
import { journey } from '../lib/journey.mjs';
import { SEGMENT_LENGTH, createModel, plainSpec, publishVersion, uploadParams } from '../lib/market.mjs';
import { programHash } from '../lib/packages.mjs';
import { wasm, withParts } from '../lib/programs.mjs';
import { refuses } from '../lib/refusals.mjs';

const KIB = 1024;

journey('bad models', async (world) => {
  const program = await badPrograms(world);
  await badUploads(world);
  await badVersions(world, program);
});

/** Returns the hash of a program that Dave has uploaded. */
async function badPrograms(world) {
  const { api } = world;
  const upload = (code) => api.tx.models.uploadProgram(u8aToHex(code));
  // One that nobody has uploaded before.
  const good = withParts({ body: `(drop (i64.const ${Date.now()}))` });
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
    ['a lane stored far away', 'models.LaneStoreOffset', upload(withParts({
      body: '(v128.store8_lane offset=65536 0 (i32.const 0) (v128.const i32x4 0 0 0 0))',
    }))],
    ['65 KiB of data', 'models.TooMuchData', upload(withParts({
      memory: '(memory (export "memory") 2 2)',
      items: `(data (i32.const 0) "${'x'.repeat(65 * KIB)}")`,
    }))],
    ['data beyond the memory', 'models.NotInstantiable', upload(withParts({ items: '(data (i32.const 65536) "x")' }))],
  ]);

  await world.step('a good program is accepted', () => submit(api, upload(good), dave));
  await refuses(world, [['the same program again', 'models.ProgramAlreadyExists', upload(good)]]);
  return programHash(good);
}

async function badUploads(world) {
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
}

async function badVersions(world, program) {
  const { api, step } = world;
  const params = await step('Dave has uploaded params', () => uploadParams(api, dave, Buffer.from('weights')));
  const spec = { ...plainSpec, program, params: { OnChain: params } };
  const { model, version } = await step('and published a model', async () => {
    const model = await createModel(api, dave, { name: 'model' });
    return { model, version: await publishVersion(api, dave, model, spec) };
  });
  const publish = (changes, of = model) => api.tx.models.publishVersion(of, { ...spec, ...changes });
  const external = (changes) =>
    ({ params: { External: { root: `0x${'11'.repeat(32)}`, len: 1, locations: [], ...changes } } });
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
    ['nine dimensions', 'models.TooManyDimensions', publish({
      inputs: [{ ...floatsOf(1)[0], shape: Array(9).fill(1) }],
    })],
    ['a tensor with a name of 33 bytes', 'models.TensorNameTooLong', publish({
      inputs: [{ ...floatsOf(1)[0], name: xs(33) }],
    })],
    ['a license of 65 bytes', 'models.LicenseTooLong', publish({ license: xs(65) })],
    ['65 labels', 'models.TooManyLabels', publish({ labels: Array(65).fill('x') })],
    ['a label of 33 bytes', 'models.LabelTooLong', publish({ labels: [xs(33)] })],
    ['five locations', 'models.TooManyLocations', publish(external({ locations: Array(5).fill('x') }))],
    ['a location of 257 bytes', 'models.LocationTooLong', publish(external({ locations: [xs(257)] }))],
    ['external params of 2 TiB', 'models.ParamsTooLong', publish(external({ len: 1n << 41n }))],
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
}
