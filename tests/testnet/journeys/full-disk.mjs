// A provider's disk is almost full. Its node ends by itself before there is no room; with room again and started again, it goes on, and
// what it had to do is done once. The disk is a file system in memory, for which one must be root; the node's own data stay where
// they are, and it goes on with them in the end.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, cpSync, mkdirSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { alice, bob, callsSince, charlie, connect, height, tokens } from '../../lib/chain.mjs';
import { digitsPackage, image } from '../../lib/digits.mjs';
import { journey } from '../../lib/journey.mjs';
import { offer, priceOf, publishPackage, registerProvider, request, untilJob } from '../../lib/market.mjs';
import { until } from '../../lib/wait.mjs';
import { named } from '../nodes.mjs';
import { logged, logSince, pidOf } from '../processes.mjs';

const MIB = 1 << 20;
/** More than a node wants to be free, which is 1 GiB. */
const FREE_MIB = 1500;
const BLOCK = Buffer.alloc(MIB, 1);
const FULL = /Available space .* dropped below threshold/;
const DISK = 'small-disk';

/** How many MiB a folder takes. */
const sizeOf = (folder) => Number(execFileSync('du', ['-sm', folder]).toString().split('\t')[0]);

function mount(folder, mib) {
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', folder]);
}

/** Does nothing where nothing is mounted. Who still uses the disk keeps it until it ends. */
function unmount(folder) {
  try {
    execFileSync('umount', ['--lazy', folder], { stdio: 'ignore' });
    rmdirSync(folder);
  } catch (error) {
    if (error.status === undefined && error.code !== 'ENOENT') throw error;
  }
}

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
  if (process.getuid() !== 0) throw new Error('a file system in memory is for root alone: run this journey as root');
  const node = named('provider-1');
  const others = await connect(named('provider-2').url);
  const [data, disk] = ['data', DISK].map((name) => join(node.folder, name));
  const ballast = join(disk, 'ballast');

  const { version } = await step('Alice has published a model', () =>
    publishPackage(world.api, alice, digitsPackage('mlp')));
  await step('Bob provides', async () => {
    await registerProvider(world.api, bob, { workerSecret: '//Bob//worker', bond: tokens(world.api, 10_000) });
    await offer(world.api, bob, version, { perJob: tokens(world.api, 0.1) });
  });

  const leaveDisk = () => unmount(disk);
  process.once('exit', leaveDisk);
  try {
    await step('his node has a small disk', async () => {
      await world.api.disconnect();
      await world.node.end();
      unmount(disk);
      mount(disk, sizeOf(data) + FREE_MIB);
      cpSync(data, disk, { recursive: true });
      await world.node.start({ data: DISK });
    });
    const firstBlock = await height(others);
    const job = await step('the disk is full, and then Charlie requests an answer', async () => {
      const seen = logged(node);
      world.node.toldToEnd = true;
      fill(ballast);
      const job = await request(others, charlie, version, image(0), { maxPrice: await priceOf(others, version) });
      await until('the node to end', () => !pidOf(node), { seconds: 60 });
      assert.match(logSince(node, seen), FULL);
      return job;
    });
    await step('with room again, and started again, it answers, once', async () => {
      rmSync(ballast);
      await world.node.end();
      await world.node.start({ data: DISK });
      assert.equal((await untilJob(others, job, 'Final')).status.asFinal.type, 'Answered');
      const claims = (await callsSince(others, 'jobs', firstBlock)).filter(({ call }) => call === 'claim');
      assert.equal(claims.length, 1);
    });
  } finally {
    await world.node.end();
    leaveDisk();
    process.off('exit', leaveDisk);
    await world.node.start();
  }
});
