// The demonstration that scripts/demo.sh runs: from a fresh node to a final, paid answer.

import { parseArgs } from 'node:util';
import { alice, balance, bob, charlie, connect, eventsNamed, height, inTokens, tokens } from './lib/chain.mjs';
import { best, digitsPackage, distance, drawn, floats, image, label, reference } from './lib/digits.mjs';
import {
  answer, offer, publishPackage, quote, registerProvider, request, untilJob,
} from './lib/market.mjs';
import { freePort, isTaken, Node } from './lib/node.mjs';

const MODEL = 'cnn';
const IMAGE = 4;
const USUAL_PORT = 9944;
const TOLERANCE = 1e-5;
const ROYALTY_PERCENT = 5;
const INTERRUPTED = 130;

const { values: options } = parseArgs({
  options: { once: { type: 'boolean' }, 'keep-data': { type: 'boolean' } },
});

const started = Date.now();
const title = (text) => console.log(`\n\x1b[1m==> ${text}\x1b[0m`);
const say = (text) => console.log(`    ${text}`);

/** Runs `action`, and says what it is and how long it took. */
async function timed(what, action) {
  process.stdout.write(`    ${what} ... `);
  const start = Date.now();
  const result = await action();
  console.log(`${((Date.now() - start) / 1000).toFixed(1)} s`);
  return result;
}

async function startNode(node) {
  title('A node of its own, on a development chain');
  if (node.rpcPort !== USUAL_PORT) say(`port ${USUAL_PORT} is taken, so it listens on ${node.rpcPort}`);
  say(`log: ${node.logFile}`);
  await timed('starting', () => node.start());
}

let ending;

/** Stops the node, and removes its data unless it is wanted. */
function end(node, code) {
  ending ??= (async () => {
    await node.stop();
    if (options['keep-data']) say(`the chain's data and the node's log: ${node.folder}`);
    else node.remove();
    process.exit(code);
  })();
  return ending;
}

function endWith(node) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (!ending) console.log('\n    stopping the node');
      end(node, options.once || signal !== 'SIGINT' ? INTERRUPTED : 0);
    });
  }
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
  const maxFee = await quote(api, version);
  const firstBlock = await height(api);
  const job = await timed(`requesting, at a quote of ${inTokens(api, maxFee)}`, () =>
    request(api, charlie, version, image(IMAGE), { maxFee }));
  say(`job ${job}; the quote is held in escrow`);
  return { job, firstBlock };
}

async function answered(api, job) {
  title('The answer');
  const assigned = await timed('waiting for a provider', () => untilJob(api, job, ['Assigned', 'Pending', 'Final']));
  say(`the chain chose ${nameOf(assigned.provider)}`);
  const pending = await timed("waiting for the answer of Bob's off-chain worker", () =>
    untilJob(api, job, ['Pending', 'Final']));
  show(pending);
  if (pending.status.isPending) say(`state: pending, it can be challenged up to block ${pending.until}`);
  const final = await timed('waiting for the end of the challenge window', () => untilJob(api, job, 'Final'));
  say(`state: final, ${final.status.asFinal.type.toLowerCase()}`);
  return final;
}

function show(info) {
  const probabilities = floats(answer(info));
  const digit = best(probabilities);
  say(`it is a ${digit}, with a probability of ${(probabilities[digit] * 100).toFixed(1)} %`);
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

/** Whether the answer is right, final and paid. */
function verdict(final, earned, gained) {
  title('Checks');
  const probabilities = final.output.isSome ? floats(answer(final)) : [];
  const checks = {
    'the answer is what the image shows': best(probabilities) === label(IMAGE),
    "the probabilities are onnxruntime's": distance(probabilities, reference(MODEL, IMAGE)) <= TOLERANCE,
    'it is final': final.status.isFinal && final.status.asFinal.isAnswered,
    'Bob was paid': earned > 0n && gained === earned,
  };
  for (const [check, holds] of Object.entries(checks)) say(`${holds ? 'yes' : 'NO '}  ${check}`);
  return Object.values(checks).every(Boolean);
}

async function demonstrate(node) {
  const api = await connect(node.url);
  const version = await publish(api);
  await provide(api, version);
  const before = await balance(api, bob);
  const { job, firstBlock } = await ask(api, version);
  const final = await answered(api, job);
  const earned = await payments(api, job, firstBlock);
  const right = verdict(final, earned, (await balance(api, bob)).all - before.all);
  await api.disconnect();
  say(`${right ? 'All is well' : 'Something is wrong'}, after ${Math.round((Date.now() - started) / 1000)} s.`);
  return right;
}

async function stayOpen(node) {
  title('The node goes on running. Ctrl-C stops it.');
  say('Look at it with polkadot.js Apps:');
  say(`https://polkadot.js.org/apps/?rpc=${node.url}#/explorer`);
  await node.ended;
}

const node = new Node({ rpcPort: (await isTaken(USUAL_PORT)) ? await freePort() : USUAL_PORT });
endWith(node);
try {
  await startNode(node);
  const right = await Promise.race([demonstrate(node), node.died]);
  if (!options.once) await Promise.race([stayOpen(node), node.died]);
  await end(node, right ? 0 : 1);
} catch (error) {
  if (!ending) {
    console.error(`\nerror: ${error.message}\n\nThe node's last lines:\n${node.lastLines()}`);
    options['keep-data'] = true;
  }
  await end(node, 1);
}
