// A provider's node gets nothing and sends nothing while a right claim of its provider is challenged: its machine hangs, or the
// network is gone. Back in time, it shows what was asked; back too late, it has lost.

import assert from 'node:assert/strict';
import { Cable } from '../../lib/cable.mjs';
import { alice, bob, connect, eve, eventsSince, height, partOf, submit } from '../../lib/chain.mjs';
import { setTimes, untilEnded, untilEvent } from '../../lib/disputes.mjs';
import { journey } from '../../lib/journey.mjs';
import { bobProvides, bobsClaim } from '../../lib/liar.mjs';
import { publishFolding, untilJob } from '../../lib/market.mjs';
import { named, relays } from '../nodes.mjs';
import { pidOf } from '../processes.mjs';

/** Too many to be shown with the claim. */
const STEPS = 100;
const ROOT = { height: 7, index: 0 };

journey('a provider cut off while its claim is challenged', async ({ api, node: handle, step }) => {
  const node = named('provider-1');
  const others = await connect(named('provider-2').url);
  const stake = async () => (await others.query.providers.providers(bob.address)).unwrap().bonded.toBigInt();

  const version = await step('Alice has published a program, and Bob provides', async () => {
    const version = await publishFolding(api, alice, { steps: STEPS });
    await setTimes(api, alice, { claimDeadline: 60, challengeWindow: 30, moveTime: 20, revealTime: 12 });
    await bobProvides(api, version);
    return version;
  });

  /** What Eve challenges while Bob's node, which has claimed, is away. */
  const challengedWhile = async (goesAway) => {
    const firstBlock = await height(others);
    const { job, claim } = await bobsClaim(others, version);
    await goesAway();
    const id = { job, attempt: 0 };
    await submit(others, others.tx.disputes.challenge(id), eve);
    await submit(others, others.tx.disputes.ask(id, ROOT, claim.traceRoot, []), eve);
    return { id, firstBlock };
  };
  const keepsEverything = async (before, { id, firstBlock }) => {
    const shown = await untilEvent(others, 'disputes.Shown', id, firstBlock);
    assert.equal(shown.hashes.toNumber(), STEPS + 1);
    const [ended] = await untilEnded(others, id, firstBlock);
    assert.equal(ended.ending.type, 'Abandoned');
    assert.equal((await untilJob(others, id.job, 'Final')).status.asFinal.type, 'Answered');
    assert.equal(await stake(), before);
  };
  const signal = (name) => {
    const pid = pidOf(node);
    if (pid) process.kill(pid, name);
  };
  const hangs = () => signal('SIGSTOP');
  const goesOn = () => signal('SIGCONT');

  try {
    await step('back in time, it shows its trace, and keeps everything', async () => {
      const before = await stake();
      const challenged = await challengedWhile(hangs);
      goesOn();
      await keepsEverything(before, challenged);
    });

    await step('back too late, it has lost what stood behind the job, and no more', async () => {
      const before = await stake();
      const { id, firstBlock } = await challengedWhile(hangs);
      const [ended] = await untilEnded(others, id, firstBlock);
      goesOn();
      assert.equal(ended.ending.type, 'Withheld');
      const { exposure } = (await eventsSince(others, 'jobs.Assigned', firstBlock)).find(({ job }) => job.eq(id.job));
      const penalty = (await others.query.jobs.parameters()).disproofPenalty.toBigInt();
      assert.equal(before - (await stake()), partOf(exposure.toBigInt(), penalty));
    });
  } finally {
    goesOn();
  }

  await step('without its relay chain it ends by itself; started again in time, it keeps everything', async () => {
    const before = await stake();
    const cables = await Promise.all(relays.map((url) => new Cable(Number(new URL(url).port)).start()));
    await handle.end();
    try {
      await handle.start({ relayUrls: cables.map(({ port }) => `ws://127.0.0.1:${port}`) });
      const challenged = await challengedWhile(async () => {
        for (const cable of cables) cable.cut();
        await handle.endsByItself();
      });
      await handle.start();
      await keepsEverything(before, challenged);
    } finally {
      for (const cable of cables) await cable.stop();
    }
  });

  await step('the node goes on, and answers the next job', async () => {
    const { job } = await bobsClaim(others, version);
    assert.equal((await untilJob(others, job, 'Final')).status.asFinal.type, 'Answered');
  });
});
