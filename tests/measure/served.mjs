// How long a large model takes on a node with a compute server, from its publication to a proof of one false step.
//
// Usage: node measure/served.mjs PACKAGE [STEP]   (in tests/; STEP is the false one, the middle one if not given)

import { readFileSync } from 'node:fs';
import { alice, bob, callsSince, charlie, connect, height } from '../lib/chain.mjs';
import { falselyClaimedBy, replaced, Trace } from '../lib/claims.mjs';
import { setTimes, show, untilAsked, untilEvent } from '../lib/disputes.mjs';
import { bobProvides, bobsClaim, charlieProvides, claim, requestOf } from '../lib/liar.mjs';
import { publishPackage, untilJob } from '../lib/market.mjs';
import { Node } from '../lib/node.mjs';
import { externalParams, readPackage, statesOf } from '../lib/packages.mjs';
import { ComputeServer } from '../lib/server.mjs';
import { Web } from '../lib/web.mjs';

const BLOCK_TIME = 1000;
const INVENTED = new Uint8Array(32).fill(0xee);
const BYTES = { f32: 4, i8: 1, u8: 1, i32: 4, i64: 8, bool: 1 };

const begin = Date.now();
const say = (what) => console.log(`${((Date.now() - begin) / 1000).toFixed(1).padStart(6)} s  ${what}`);

const [packageFile, step] = process.argv.slice(2);
if (!packageFile) throw new Error('which package? see the top of the file');
const model = readPackage(readFileSync(packageFile));
const falseStep = Number(step ?? Math.floor(model.manifest.steps / 2));
const inputLen = model.manifest.inputs.reduce((sum, { shape, dtype }) =>
  sum + shape.reduce((product, len) => product * len, BYTES[dtype]), 0);
/** Another one each time, so that nothing is known before. */
const input = (number) => Buffer.alloc(inputLen).fill(number, 0, 1);

const node = await new Node({ blockTime: BLOCK_TIME }).start();
const web = await new Web().start();
const server = new ComputeServer({ node });
const api = await connect(node.url);
try {
  const { root, params, hashes } = externalParams(model);
  web.files.set('/params', params).set('/params.hashes', hashes);
  const external = { root, len: params.length, locations: [web.url('/params')] };
  const { version } = await publishPackage(api, alice, model, { external });
  say(`published: ${params.length} bytes of params on the web, ${model.manifest.steps} steps`);
  await server.start();
  await bobProvides(api, version);

  for (const number of [0, 1]) {
    const job = await requestOf(api, bob, version, input(number));
    say(`job ${job}: assigned`);
    await untilJob(api, job, ['Pending', 'Final']);
    say(`job ${job}: claimed${number ? '' : ', with params that had to be fetched'}`);
  }

  const honest = { ...(await bobsClaim(api, version, input(2))), states: statesOf(model, input(2)) };
  await setTimes(api, alice, { claimDeadline: 60, challengeWindow: 40, moveTime: 20, revealTime: 25 });
  const worker = await charlieProvides(api, version);
  const firstBlock = await height(api);
  const job = await requestOf(api, charlie, version, input(2));
  const author = { provider: charlie, job };
  const trace = new Trace(author, replaced(honest.states, falseStep + 1, INVENTED));
  const id = await claim(api, worker, job, falselyClaimedBy(honest, { ...author, step: falseStep }));
  say(`job ${job}: claimed, with step ${falseStep} false`);
  const proven = untilEvent(api, 'disputes.FraudProven', id, firstBlock);
  let isProven = false;
  proven.then(() => (isProven = true));
  while (!isProven) {
    const asked = await Promise.race([untilAsked(api, id), proven]);
    if (asked.height === undefined) break;
    say(`asked for node ${asked.index} of height ${asked.height}`);
    await show(api, charlie, id, asked, trace);
  }
  await proven;
  say('proven');
  for (const { call, bytes, weight } of await callsSince(api, 'disputes', firstBlock)) {
    console.log(`${call}: ${bytes} bytes, ${Number(weight.refTime / 10_000_000n) / 100} ms and ${weight.proofSize} bytes of weight`);
  }
  console.log(server.log().trimEnd());
} finally {
  await api.disconnect();
  await server.remove();
  await web.stop();
  await node.stop();
  node.remove();
}
process.exit(0);
