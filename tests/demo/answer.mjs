// From a published model to a final, paid answer.

import { alice, balance, bob, charlie, eventsNamed, height, inTokens, tokens } from '../lib/chain.mjs';
import { best, digitsPackage, distance, drawn, floats, image, label, reading, reference } from '../lib/digits.mjs';
import {
  answer, offer, publishPackage, quote, registerProvider, request, untilJob,
} from '../lib/market.mjs';
import { say, timed, title, verdict } from './terminal.mjs';

const MODEL = 'cnn';
const IMAGE = 4;
const TOLERANCE = 1e-5;
const ROYALTY_PERCENT = 5;

/** Tells the story. Returns whether all is as it should be. */
export async function story(api) {
  const version = await publish(api);
  await provide(api, version);
  const before = await balance(api, bob);
  const { job, firstBlock } = await ask(api, version);
  const final = await answered(api, job);
  const earned = await payments(api, job, firstBlock);
  const gained = (await balance(api, bob)).all - before.all;
  const probabilities = final.output.isSome ? floats(answer(final)) : [];
  return verdict({
    'the answer is what the image shows': best(probabilities) === label(IMAGE),
    "the probabilities are onnxruntime's": distance(probabilities, reference(MODEL, IMAGE)) <= TOLERANCE,
    'it is final': final.status.isFinal && final.status.asFinal.isAnswered,
    'Bob was paid': earned > 0n && gained === earned,
  });
}

async function publish(api) {
  title('Alice publishes a model: a convolutional network that reads digits');
  const content = await timed('packing models/digits/cnn.onnx', async () => digitsPackage(MODEL));
  const { program, params, manifest } = content;
  say(`program ${program.length} bytes, params ${params.length} bytes, ${manifest.steps} steps for one answer`);
  const { version } = await timed('uploading and publishing', () =>
    publishPackage(api, alice, content, { royalty: ROYALTY_PERCENT }));
  say(`version ${version}; ${inTokens(api, (await balance(api, alice)).held)} of Alice's are held as deposits`);
  return version;
}

async function provide(api, version) {
  title('Bob provides compute');
  const bond = tokens(api, 10_000);
  await timed(`registering with a worker key and a stake of ${inTokens(api, bond)}`, () =>
    registerProvider(api, bob, { workerSecret: '//Bob//worker', bond }));
  const [perJob, perStep] = [tokens(api, 0.1), tokens(api, 0.01)];
  await timed(`offering version ${version} for ${inTokens(api, perJob)} and ${inTokens(api, perStep)} per step`, () =>
    offer(api, bob, version, { perJob, perStep }));
}

async function ask(api, version) {
  title('Charlie asks: what digit is this?');
  drawn(IMAGE).forEach((line) => say(`|${line}|`));
  const { price, max } = await quote(api, version);
  const firstBlock = await height(api);
  const job = await timed(`requesting, at a quote of ${inTokens(api, max)}`, () =>
    request(api, charlie, version, image(IMAGE), { maxPrice: price }));
  say(`job ${job}; the quote is held in escrow`);
  return { job, firstBlock };
}

async function answered(api, job) {
  title('The answer');
  const assigned = await timed('waiting for a provider', () => untilJob(api, job, ['Assigned', 'Pending', 'Final']));
  say(`the chain chose ${nameOf(assigned.provider)}`);
  const pending = await timed("waiting for the answer of Bob's off-chain worker", () =>
    untilJob(api, job, ['Pending', 'Final']));
  say(`it is ${reading(floats(answer(pending)))}`);
  if (pending.status.isPending) say(`state: pending, it can be challenged up to block ${pending.until}`);
  const final = await timed('waiting for the end of the challenge window', () => untilJob(api, job, 'Final'));
  say(`state: final, ${final.status.asFinal.type.toLowerCase()}`);
  return final;
}

/** Who got what of the fee. Returns what they got in total. */
async function payments(api, job, firstBlock) {
  title('What it cost, and who was paid');
  const finalized = await eventsNamed(api, 'jobs.Finalized', firstBlock, await height(api));
  const { settlement } = finalized.find(({ data }) => data.job.toNumber() === job).data;
  const parts = { Bob: 'provider', 'Alice, as royalty': 'royalty', 'the protocol': 'protocol' };
  const paid = Object.values(parts).reduce((total, part) => total + settlement[part].toBigInt(), 0n);
  const refunded = settlement.refunded.toBigInt();
  say(`Charlie paid ${inTokens(api, paid)} and had ${inTokens(api, refunded)} of the escrow back`);
  for (const [who, part] of Object.entries(parts)) say(`to ${who}: ${inTokens(api, settlement[part].toBigInt())}`);
  return settlement.provider.toBigInt();
}

function nameOf(provider) {
  const names = { [bob.address]: 'Bob' };
  return names[provider.unwrap().toString()] ?? provider.toString();
}
