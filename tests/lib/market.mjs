// What users of the chain do: publish a model, provide compute, request an answer.

import { u8aToHex, u8aWrapBytes } from '@polkadot/util';
import { account, find, own, reached, returnedBytes, submit } from './chain.mjs';
import { programHash } from './packages.mjs';
import { folding } from './programs.mjs';
import { until } from './wait.mjs';

export const SEGMENT_LENGTH = 256 * 1024;
/** The key type under which a node's keystore holds worker keys. */
const WORKER_KEY_TYPE = 'assy';

/** Uploads a program, unless it is there. Returns its hash. */
export async function uploadProgram(api, owner, code) {
  const hash = programHash(code);
  if ((await api.query.models.programs(hash)).isNone) {
    await submit(api, api.tx.models.uploadProgram(u8aToHex(code)), owner);
  }
  return hash;
}

/** Uploads params segment by segment. Returns their id. */
export async function uploadParams(api, owner, bytes) {
  const { events } = await submit(api, api.tx.models.beginParams(bytes.length), owner);
  const { params } = find(events, 'models.ParamsBegun');
  for (let index = 0; index * SEGMENT_LENGTH < bytes.length; index++) {
    const segment = bytes.subarray(index * SEGMENT_LENGTH, (index + 1) * SEGMENT_LENGTH);
    await submit(api, api.tx.models.uploadSegment(params, index, u8aToHex(segment)), owner);
  }
  return params.toNumber();
}

/** Creates a model. Returns its id. */
export async function createModel(api, owner, metadata) {
  const { events } = await submit(api, api.tx.models.createModel({ description: '', url: '', ...metadata }), owner);
  return find(events, 'models.ModelCreated').model.toNumber();
}

/** Publishes a version. Returns its id. */
export async function publishVersion(api, owner, model, spec) {
  const { events } = await submit(api, api.tx.models.publishVersion(model, spec), owner);
  return find(events, 'models.VersionPublished').version.toNumber();
}

/** What a version needs besides its program and params, with nothing special about it. */
export const plainSpec = { inputs: [], outputs: [], license: 'Apache-2.0', royalty: 0, maxSteps: 1, labels: [] };

const FOLD = { name: 'fold', dtype: 'U64', shape: [] };

/**
 * Publishes the program [`folding`], with no params unless others are given. Returns the version.
 * @param {{steps: number, rounds?: number, maxSteps?: number, params?: object, outputs?: object[]}} what a run may take up to
 *   `maxSteps`, and gives eight bytes, whatever the outputs are said to be
 */
export async function publishFolding(api, owner, { steps, rounds = 1, maxSteps = steps, params, outputs = [FOLD] }) {
  const program = await uploadProgram(api, owner, folding({ steps, rounds }));
  return publishVersion(api, owner, await createModel(api, owner, { name: `folding-${steps}` }), {
    ...plainSpec,
    program,
    params: params ?? { OnChain: await uploadParams(api, owner, Buffer.alloc(0)) },
    inputs: [{ name: 'seed', dtype: 'U64', shape: [] }],
    outputs,
    maxSteps,
  });
}

/**
 * Publishes a package: its program, its params, a model and a version.
 * @param {{royalty?: number, external?: {root: string, len: number, locations: string[]}}} options the owner's share of
 *   each payment in percent, and where the params are if they do not go on chain
 */
export async function publishPackage(api, owner, { manifest, program, params }, { royalty = 0, external } = {}) {
  const hash = await uploadProgram(api, owner, program);
  const paramsId = external ? undefined : await uploadParams(api, owner, params);
  const { name, description } = manifest;
  const model = await createModel(api, owner, { name, description });
  const version = await publishVersion(api, owner, model, {
    program: hash,
    params: external ? { External: external } : { OnChain: paramsId },
    inputs: manifest.inputs.map(tensor),
    outputs: manifest.outputs.map(tensor),
    license: manifest.license,
    royalty: royalty * 10_000_000,
    maxSteps: manifest.steps,
    labels: manifest.labels,
  });
  return { model, version, program: hash, params: paramsId };
}

function tensor({ name, dtype, shape }) {
  return { name, dtype: dtype[0].toUpperCase() + dtype.slice(1), shape };
}

/** The worker key's consent to work for a provider, signed as a wallet signs bytes. */
export async function workerProof(api, worker, provider) {
  // The hash of the first block, which is part of the message, is in state with the next one.
  await reached(api, 1);
  const message = await api.call.providersApi.workerProofMessage(provider.address);
  return worker.sign(u8aWrapBytes(returnedBytes(message)));
}

/**
 * Registers a provider. Its node gets the worker key's secret, unless the provider is one that stays silent.
 * @returns the worker key
 */
export async function registerProvider(api, provider, { workerSecret, bond, silent = false }) {
  const worker = account(workerSecret);
  if (!silent) await api.rpc.author.insertKey(WORKER_KEY_TYPE, own(workerSecret), u8aToHex(worker.publicKey));
  const proof = await workerProof(api, worker, provider);
  await submit(api, api.tx.providers.register(worker.publicKey, bond, proof), provider);
  return worker;
}

/** Offers to run a version. */
export function offer(api, provider, version, { perJob, perStep = 0n, capacity = 16 }) {
  return submit(api, api.tx.providers.setOffer(version, { perJob, perStep }, capacity), provider);
}

/** What the provider asks that asks least: its `price`, and what that is at most, as `max`. */
export async function quote(api, version) {
  const [cheapest] = await api.call.jobsApi.quote(version, null);
  if (!cheapest) throw new Error(`nobody takes jobs for version ${version}`);
  const { price, max } = cheapest;
  return { price: { perJob: price.perJob.toBigInt(), perStep: price.perStep.toBigInt() }, max: max.toBigInt() };
}

/** The price of the provider that asks least. */
export const priceOf = async (api, version) => (await quote(api, version)).price;

/** The call that requests an answer, of one who asks at most `maxPrice`. */
export function requestCall(api, version, input, { maxPrice, provider = null }) {
  return api.tx.jobs.request(version, u8aToHex(input), maxPrice, provider);
}

/** Requests an answer. Returns the job's id. */
export async function request(api, requester, version, input, options) {
  const { events } = await submit(api, requestCall(api, version, input, options), requester);
  return find(events, 'jobs.Requested').job.toNumber();
}

/** All that the chain says about a job. */
export async function jobInfo(api, job) {
  const info = await api.call.jobsApi.job(job);
  if (info.isNone) throw new Error(`there is no job ${job}`);
  return info.unwrap();
}

/**
 * Waits until a job has a status, or one of some: `Assigned`, `Pending`, `Final`. There may be no such job for a while, where the block
 * with its request is replaced by another.
 */
export async function untilJob(api, job, status, options) {
  return until(`job ${job} to be ${status}`, async () => {
    const info = (await api.call.jobsApi.job(job)).unwrapOr(undefined);
    return info && [status].flat().includes(info.status.type) && info;
  }, options);
}

/** The bytes of a job's answer. */
export const answer = (info) => info.output.unwrap().toU8a(true);

/** Changes some rules of time and money, as root. */
export async function setParameters(api, root, changes) {
  const parameters = { ...(await api.query.jobs.parameters()).toJSON(), ...changes };
  await submit(api, api.tx.sudo.sudo(api.tx.jobs.setParameters(parameters)), root);
}
