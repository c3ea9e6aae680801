// The journeys' world where they take place on the test network, one after the other: the node is the first provider's, and the
// accounts are new ones, with as much as on a fresh development chain.

import { exec } from 'node:child_process';
import { promisify } from 'node:util';
import { account, alice, submit } from '../lib/chain.mjs';
import { setParameters } from '../lib/market.mjs';
import { binary } from '../lib/node.mjs';
import { until } from '../lib/wait.mjs';
import { named } from './nodes.mjs';
import { kill, lastLines, logged, logSince, pidOf, start, stop } from './processes.mjs';
import { stateOf } from './state.mjs';

const run = promisify(exec);

/** A provider's node, as the journeys use one. It is there before and goes on after them. */
class ProviderNode {
  constructor(node) {
    this.node = node;
    this.url = node.url;
    this.rpcPort = node.rpcPort;
    this.logFile = node.log;
    this.logged = logged(node);
    /** Rejects if the node ends though nobody told it to. */
    this.died = new Promise((_, reject) => {
      this.watch = setInterval(() => {
        if (!this.toldToEnd && !pidOf(node)) reject(new Error(`${node.name} ended by itself, see ${node.log}`));
      }, 1000);
    });
    this.died.catch(() => {});
  }

  /** Starts it, unless it runs. The options are those of its `command`. */
  async start(options) {
    start(this.node, options);
    await until(`${this.node.name} to answer`, async () => {
      if (!pidOf(this.node)) throw new Error(`${this.node.name} ended at once, see ${this.node.log}`);
      return (await stateOf(this.node)).best !== undefined;
    });
    this.toldToEnd = false;
    return this;
  }

  async kill() {
    this.toldToEnd = true;
    await kill(this.node);
  }

  /** Ends it in order. */
  async end() {
    this.toldToEnd = true;
    await stop(this.node);
  }

  /** It ends by itself, sooner or later. */
  async endsByItself() {
    this.toldToEnd = true;
    await until(`${this.node.name} to end`, () => !pidOf(this.node));
  }

  /** The journey is over. */
  stop() {
    clearInterval(this.watch);
  }

  remove() {}

  /** What it logged since the journey began. */
  log() {
    return logSince(this.node, this.logged);
  }

  lastLines(count = 20) {
    return lastLines(this.node, count);
  }
}

export const makeNode = () => new ProviderNode(named('provider-1'));

const PLANCKS = 1_000_000n * 10n ** 12n;
const USERS = ['Bob', 'Charlie', 'Dave', 'Eve', 'Ferdie'];

/** Gives this journey's accounts what well-known ones have on a development chain, and takes over its deadlines. */
export async function prepare(api) {
  const users = USERS.map((name) => account(`//${name}`).address);
  const gifts = users.map((user) => api.tx.balances.forceSetBalance(user, PLANCKS));
  await submit(api, api.tx.sudo.sudo(api.tx.utility.batchAll(gifts)), alice);
  await setParameters(api, alice, await developmentParameters());
}

async function developmentParameters() {
  const { stdout } = await run(`${binary('assay-node')} export-chain-spec --chain dev`, { maxBuffer: 1 << 28 });
  return JSON.parse(stdout).genesis.runtimeGenesis.patch.jobs.parameters;
}
