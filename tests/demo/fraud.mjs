// A provider that lies and what it costs it, and an accuser that lies and what it costs her.

import {
  account, alice, bob, callsSince, charlie, dave, eventsSince, eve, height, inTokens, submit,
} from '../lib/chain.mjs';
import { answeredOtherwise } from '../lib/claims.mjs';
import { best, bytes, digitsPackage, drawn, floats, image, label, reading } from '../lib/digits.mjs';
import { proofAbout, untilEnded, untilEvent } from '../lib/disputes.mjs';
import { bobProvides, bobsClaim, charlieProvides, claim } from '../lib/liar.mjs';
import { answer, jobInfo, priceOf, publishPackage, request, untilJob } from '../lib/market.mjs';
import { statesOf } from '../lib/packages.mjs';
import { say, table, timed, title, verdict } from './terminal.mjs';

const IMAGE = 4;
const PICOSECONDS = 1e12;

/** Tells the story. Returns whether all is as it should be. */
export async function story(api) {
  const model = digitsPackage('cnn');
  const version = await publish(api, model);
  const { honest, worker } = await provide(api, version);
  const run = { ...honest, states: statesOf(model, image(IMAGE)) };
  const lie = await tellLie(api, version, run, worker);
  const proof = await dispute(api, lie);
  const shares = await whoLostWhat(api, lie, proof);
  await whatItTook(api, lie);
  const final = await answeredByBob(api, lie);
  const accusation = await accuseFalsely(api, version, proof);
  return verdict({
    'the answer is what the image shows, and final': final.status.asFinal.isAnswered && digitOf(final) === label(IMAGE),
    'it was Bob who gave it': final.provider.unwrap().eq(bob.address),
    'Charlie lost stake': shares.slashed > 0n,
    'all of it went to the watcher, to Dave and to the fire': shares.slashed === shares.accounted,
    'the watcher had its bond back': proof.ended.ending.isProvenFalse,
    'her proof was refused': accusation.refused === 'disputes.WrongBefore',
    'Eve lost her bond': accusation.ended.ending.isAbandoned,
    "Bob's answer stood": accusation.final.status.asFinal.isAnswered,
  });
}

async function publish(api, model) {
  title('Alice publishes a model: a convolutional network that reads digits');
  const { version } = await timed('uploading and publishing', () => publishPackage(api, alice, model));
  return version;
}

async function provide(api, version) {
  title('Bob provides compute, and his node watches what others claim');
  await timed('registering and offering', () => bobProvides(api, version));
  title('Dave asks Bob: what digit is this?');
  drawn(IMAGE).forEach((line) => say(`|${line}|`));
  const honest = await timed('waiting for the answer', () => bobsClaim(api, version, image(IMAGE)));
  say(`Bob's answer: ${reading(floats(answer(await jobInfo(api, honest.job))))}`);
  title('Charlie provides too, and answers as he likes');
  const worker = await timed('registering and offering', () => charlieProvides(api, version));
  return { honest, worker };
}

/** Charlie runs the model like Bob, exchanges two probabilities of the answer, and makes the hashes fit. */
async function tellLie(api, version, run, worker) {
  title('Dave asks again');
  await submit(api, api.tx.providers.pause(), bob);
  const maxPrice = await priceOf(api, version);
  const job = await timed('requesting, while Bob pauses', () => request(api, dave, version, image(IMAGE), { maxPrice }));
  await timed('waiting for a provider', () => untilJob(api, job, 'Assigned'));
  await submit(api, api.tx.providers.resume(), bob);

  const firstBlock = (await height(api)) + 1;
  const probabilities = floats(answer(await jobInfo(api, run.job)));
  const [truth, other] = [best(probabilities), (best(probabilities) + 5) % probabilities.length];
  [probabilities[truth], probabilities[other]] = [probabilities[other], probabilities[truth]];
  const lie = answeredOtherwise(api, run, bytes(probabilities), { provider: charlie, job });
  const id = await timed('Charlie claims an answer', () => claim(api, worker, job, lie));
  const pending = await jobInfo(api, job);
  say(`Charlie's answer: ${reading(floats(answer(pending)))}`);
  say(`the chain checked all that can be checked without computing; it can be challenged up to block ${pending.until}`);
  return { id, firstBlock, steps: lie.steps };
}

async function dispute(api, { id, firstBlock, steps }) {
  title("Bob's node computes the answer itself, and gets another one");
  const { bond } = await timed('it challenges', () => untilEvent(api, 'disputes.Challenged', id, firstBlock));
  say(`with a bond of ${inTokens(api, bond.toBigInt())}`);
  const proven = await timed('it proves one step false', () => untilEvent(api, 'disputes.FraudProven', id, firstBlock));
  say(`the chain ran step ${proven.step.toNumber() + 1} of ${steps} itself, for ${proven.fuel} fuel`);
  const [ended] = await timed('it has its bond back', () => untilEnded(api, id, firstBlock));
  return { proven, ended };
}

/** Where Charlie's stake went. */
async function whoLostWhat(api, { firstBlock }, { proven }) {
  title('Who lost what');
  const slashes = await eventsSince(api, 'providers.Slashed', firstBlock);
  const [{ slashed }] = await eventsSince(api, 'jobs.Disproved', firstBlock);
  const to = (who) => slashes.filter(({ beneficiary }) => beneficiary.eq(who)).reduce(sumOf('rewarded'), 0n);
  const [watcher, requester, burnt] = [to(proven.rewarded), to(dave.address), slashes.reduce(sumOf('burned'), 0n)];
  table([
    ['who', 'gains'],
    ['Charlie, of his stake', `-${inTokens(api, slashed.toBigInt())}`],
    [`${nameOf(proven.rewarded)}, for the proof`, inTokens(api, watcher)],
    ['Dave, as compensation', inTokens(api, requester)],
    ['burnt', inTokens(api, burnt)],
  ]);
  return { slashed: slashed.toBigInt(), accounted: watcher + requester + burnt };
}

const sumOf = (field) => (sum, data) => sum + data[field].toBigInt();

/** The transactions of the dispute, and what part of a block each took. */
async function whatItTook(api, { firstBlock }) {
  title('What the chain spent on it');
  const { maxBlock } = api.consts.system.blockWeights;
  const percent = (part, whole) => `${((Number(part) / Number(whole)) * 100).toFixed(2)} %`;
  const calls = await callsSince(api, 'disputes', firstBlock);
  table([
    ['transaction', 'bytes', 'time', 'of a block', 'proof size', 'of a block'],
    ...calls.map(({ call, bytes, weight: { refTime, proofSize } }) => [
      call, `${bytes}`,
      `${((Number(refTime) / PICOSECONDS) * 1000).toFixed(2)} ms`, percent(refTime, maxBlock.refTime.toBigInt()),
      `${(Number(proofSize) / 1024).toFixed(1)} KiB`, percent(proofSize, maxBlock.proofSize.toBigInt()),
    ]),
  ]);
}

async function answeredByBob(api, { id }) {
  title('The job goes on to Bob');
  const final = await timed('waiting for a final answer', () => untilJob(api, id.job, 'Final'));
  say(`Bob's answer: ${reading(floats(answer(final)))}`);
  return final;
}

/** Eve accuses Bob, and has no proof but the one about Charlie. */
async function accuseFalsely(api, version, { proven }) {
  title('Eve accuses Bob, who is right');
  const { job } = await timed('Bob has answered once more', () => bobsClaim(api, version, image(IMAGE)));
  const [id, firstBlock] = [{ job, attempt: 0 }, await height(api)];
  await timed('Eve challenges', () => submit(api, api.tx.disputes.challenge(id), eve));
  const proof = await proofAbout(api, proven.claim);
  const refused = await submit(api, api.tx.disputes.proveFraud(id, proof), eve).catch(({ name }) => name);
  say(`she tries the proof about Charlie: ${refused}`);
  const [ended] = await timed('waiting for a proof that does not come', () => untilEnded(api, id, firstBlock));
  const [bobs, burnt] = [ended.forfeited, ended.burnt].map((part) => inTokens(api, part.toBigInt()));
  say(`of her bond, ${bobs} go to Bob and ${burnt} are burnt`);
  const final = await timed('waiting for the end of the challenge window', () => untilJob(api, job, 'Final'));
  return { refused, ended, final };
}

const digitOf = (info) => best(floats(answer(info)));

function nameOf(address) {
  return address.eq(account('//Bob//worker').address) ? "Bob's node" : address.toString();
}
