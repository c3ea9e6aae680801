// A provider's disk is almost full. Its node ends by itself before there is no room; with room again and started again, it goes on, and
// what it had to do is done once. The disk is a file system in memory, for which one must be root.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, cpSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { alice, bob, callsSince, charlie, connect, height, tokens } from '../../lib/chain.mjs';
import { digitsPackage, image } from '../../lib/digits.mjs';
import { journey } from '../../lib/journey.mjs';
import { offer, publishPackage, quote, registerProvider, request, untilJob } from '../../lib/market.mjs';
import { until } from '../../lib/wait.mjs';
import { named } from '../nodes.mjs';
import { logged, logSince, pidOf } from '../processes.mjs';

/** More than a node wants to be free, which is 1 GiB. */
const SIZE = '1500m';
const BLOCK = Buffer.alloc(1 << 20, 1);
const FULL = /Available space .* dropped below threshold/;

/** Takes all the room that is left. */
function fill(path) {
  const file = openSync(path, 'w');
  try {
    for (;;) writeSync(file, BLOCK);
  } catch (error) {
    if (error.code !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
}

journey('a full disk', async (world) => {
  const { step } = world;
  const node = named('provider-1');
  const others = await connect(named('provider-2').url);
  const data = join(node.folder, 'data');
  const [kept, ballast] = [`${data}.kept`, join(data, 'ballast')];

  const { version } = await step('Alice has published a model', () =>
    publishPackage(world.api, alice, digitsPackage('mlp')));
  await step('Bob provides', async () => {
    await registerProvider(world.api, bob, { workerSecret: '//Bob//worker', bond: tokens(world.api, 10_000) });
    await offer(world.api, bob, version, { perJob: tokens(world.api, 0.1) });
  });

  const onSmallDisk = async () => {
    await world.api.disconnect();
    await world.node.end();
    renameSync(data, kept);
    mkdirSync(data);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', data]);
    cpSync(kept, data, { recursive: true });
    await world.node.start();
  };
  const onItsOwnDisk = async () => {
    await world.node.end();
    rmSync(ballast, { force: true });
    rmSync(kept, { recursive: true });
    cpSync(data, kept, { recursive: true });
    execFileSync('umount', [data]);
    rmSync(data, { recursive: true });
    renameSync(kept, data);
    await world.node.start();
  };

  await step('his node has a small disk', onSmallDisk);
  try {
    const firstBlock = await height(others);
    const job = await step('the disk is full, and then Charlie requests an answer', async () => {
      const seen = logged(node);
      world.node.toldToEnd = true;
      fill(ballast);
      const job = await request(others, charlie, version, image(0), { maxFee: await quote(others, version) });
      await until('the node to end', () => !pidOf(node), { seconds: 60 });
      assert.match(logSince(node, seen), FULL);
      return job;
    });
    await step('with room again, and started again, it answers, once', async () => {
      rmSync(ballast);
      await world.node.end();
      await world.node.start();
      assert.equal((await untilJob(others, job, 'Final')).status.asFinal.type, 'Answered');
      const claims = (await callsSince(others, 'jobs', firstBlock)).filter(({ call }) => call === 'claim');
      assert.equal(claims.length, 1);
    });
  } finally {
    await onItsOwnDisk();
  }
  world.api = await connect(node.url);
});
