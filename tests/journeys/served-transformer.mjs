// A transformer whose weights are not on chain. The node's compute server fetches them over HTTP from locations of which
// one lies and one breaks off, runs the model natively, and gives what a fraud proof takes.

import assert from 'node:assert/strict';
import { alice, bob, callsSince, charlie, eve, eventsSince, height, submit } from '../lib/chain.mjs';
import { falselyClaimedBy } from '../lib/claims.mjs';
import { floats } from '../lib/digits.mjs';
import { setTimes, untilEvent } from '../lib/disputes.mjs';
import { journey } from '../lib/journey.mjs';
import { languagesPackage, scores, text } from '../lib/languages.mjs';
import { bobProvides, bobsClaim, charlieProvides, claim, requestOf } from '../lib/liar.mjs';
import { answer, publishPackage, untilJob } from '../lib/market.mjs';
import { externalParams, statesOf } from '../lib/packages.mjs';
import { ComputeServer } from '../lib/server.mjs';
import { until } from '../lib/wait.mjs';
import { Web } from '../lib/web.mjs';

/** A step of a matrix product. */
const FALSE_STEP = 21;
/** f32 sums of another order than onnxruntime's. */
const TOLERANCE = 1e-4;
const CHUNK = 4096;
/** Where the second location breaks off: within the 51st chunk. */
const BREAK = 50 * CHUNK + 100;
const WRONG_CHUNK = 20;

journey('a served transformer', async ({ api, node, step }) => {
  const model = languagesPackage();
  const web = await new Web().start();
  const server = new ComputeServer({ node });
  try {
    const version = await step('Alice has published a transformer, whose weights are on two web sites', async () => {
      const { root, params, hashes } = externalParams(model);
      const wrong = Buffer.from(params);
      wrong[WRONG_CHUNK * CHUNK] ^= 1;
      const served = { '/lies/params': wrong, '/lies/params.hashes': hashes, '/breaks/params': params };
      Object.entries(served).forEach(([path, bytes]) => web.files.set(path, bytes));
      web.breaks.set('/breaks/params', BREAK);
      const locations = ['/missing/params', '/lies/params', '/breaks/params'].map((path) => web.url(path));
      const { version } = await publishPackage(api, alice, model, { external: { root, len: params.length, locations } });
      return version;
    });

    const answers = async (job, index) => {
      const info = await untilJob(api, job, ['Pending', 'Final']);
      const expected = scores(index);
      floats(answer(info)).forEach((score, at) => {
        const tolerance = TOLERANCE * Math.max(1, Math.abs(expected[at]));
        assert.ok(Math.abs(score - expected[at]) <= tolerance, `score ${at}: ${score} is not ${expected[at]}`);
      });
    };

    const honest = await step("Bob's node has a compute server, and gives onnxruntime's answer", async () => {
      await server.start();
      await bobProvides(api, version);
      const honest = await bobsClaim(api, version, text(0));
      await answers(honest.job, 0);
      assert.match(server.log(), new RegExp(`run 0x[0-9a-f]+: ${model.manifest.steps} steps in .* by native`));
      return { ...honest, states: statesOf(model, text(0)) };
    });

    await step('what the first site sent wrongly came from the second, from there on', () => {
      assert.ok(server.log().includes(`chunk ${WRONG_CHUNK} is not the one of the version`));
      const kept = `/breaks/params from ${WRONG_CHUNK * CHUNK}`;
      const broken = (WRONG_CHUNK * CHUNK + BREAK) - ((WRONG_CHUNK * CHUNK + BREAK) % CHUNK);
      assert.deepEqual(web.requests, [
        '/missing/params.hashes', '/missing/params', '/lies/params.hashes', '/lies/params', kept,
        `/breaks/params from ${broken}`,
      ]);
    });

    await step('without its server the node waits, and with it goes on; the weights are still there', async () => {
      await server.kill();
      const job = await requestOf(api, bob, version, text(1));
      await until('the node to say so', () => node.log().includes('the compute server does not answer'));
      assert.equal((await untilJob(api, job, 'Assigned')).status.type, 'Assigned');
      await server.start();
      await answers(job, 1);
      assert.equal(web.requests.length, 6);
    });

    await step('somebody asks for a part of the weights, and the node shows it in time', async () => {
      const firstBlock = await height(api);
      await submit(api, api.tx.models.askChunk(version, WRONG_CHUNK), eve);
      const shown = await until('the part', async () =>
        (await eventsSince(api, 'models.ChunkShown', firstBlock)).find((data) => data.version.eq(version)));
      assert.deepEqual([shown.chunk.toNumber(), shown.late.isTrue], [WRONG_CHUNK, false]);
    });

    await step('who does not know the token gets nothing', async () => {
      const [, url] = server.log().match(/.*listening at (\S+),/s);
      for (const authorization of [undefined, 'Bearer x', `bearer ${server.token()}`]) {
        const headers = authorization ? { authorization } : {};
        const { status } = await fetch(`${url}/v1/ask`, { method: 'POST', body: 'x', headers });
        assert.equal(status, 401);
      }
      const headers = { authorization: `Bearer ${server.token()}` };
      assert.equal((await fetch(`${url}/v1/ask`, { method: 'POST', body: 'x', headers })).status, 400);
    });

    const { id, firstBlock } = await step('Charlie claims one step falsely', async () => {
      await setTimes(api, alice, { claimDeadline: 60, challengeWindow: 30, moveTime: 20, revealTime: 25 });
      const worker = await charlieProvides(api, version);
      const firstBlock = await height(api);
      const job = await requestOf(api, charlie, version, text(0));
      const content = falselyClaimedBy(honest, { provider: charlie, job, step: FALSE_STEP });
      return { id: await claim(api, worker, job, content), firstBlock };
    });

    await step("Bob's node proves it, by the server's trace and witness", async () => {
      const proof = await untilEvent(api, 'disputes.FraudProven', id, firstBlock);
      assert.equal(proof.step.toNumber(), FALSE_STEP);
      assert.ok(server.log().includes(`the witness of step ${FALSE_STEP}`));
      const calls = await callsSince(api, 'disputes', firstBlock);
      const { bytes, weight } = calls.find(({ call }) => call === 'proveFraud');
      const milliseconds = Number(weight.refTime / 10_000_000n) / 100;
      console.log(`# the proof: ${bytes} bytes, ${milliseconds} ms and ${weight.proofSize} bytes of a block's weight`);
      assert.ok(bytes < 512 * 1024);
    });
  } finally {
    await server.remove();
    await web.stop();
  }
});
