// A journey: a test in steps that read as a story, on a node of its own, or on another world's.

import { test } from 'node:test';
import { connect, disconnectAll } from './chain.mjs';
import { Node } from './node.mjs';
import { PATIENCE } from './wait.mjs';

const MINUTES = 60_000;

/**
 * Where journeys take place: `makeNode(options)` gives the node, and `prepare(api)` comes before the first step. ASSAY_WORLD names
 * another module than this.
 */
const development = { makeNode: (options) => new Node(options), prepare: () => {} };
const { makeNode, prepare } = process.env.ASSAY_WORLD ? await import(process.env.ASSAY_WORLD) : development;

// Leaving through `exit` takes the nodes along.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

/** Milliseconds between two blocks of a journey's node. */
const BLOCK_TIME = 1000;

/**
 * Runs `body` on a fresh development node, unless the world is another. A failure keeps the node's data and says where its log is.
 * @param {string} name
 * @param {(world: {api: import('@polkadot/api').ApiPromise, node: Node, step: Step}) => Promise<void>} body
 * @param {ConstructorParameters<typeof Node>[0]} [options] of the node
 * @typedef {<T>(name: string, action: () => Promise<T>) => Promise<T>} Step
 */
export function journey(name, body, options = { blockTime: BLOCK_TIME }) {
  test(name, { timeout: PATIENCE * 15 * MINUTES }, async (t) => {
    const node = makeNode(options);
    const world = { node, step: stepsOf(t) };
    let passed = false;
    try {
      await node.start();
      world.api = await connect(node.url);
      await prepare(world.api);
      await Promise.race([body(world), node.died]);
      passed = true;
    } finally {
      await disconnectAll();
      await node.stop();
      if (passed) node.remove();
      else t.diagnostic(`the node's log: ${node.logFile}`);
    }
  });
}

// A step that fails ends the journey.
function stepsOf(t) {
  return async (name, action) => {
    let outcome;
    await t.test(name, async () => {
      outcome = { value: await action() };
    });
    if (!outcome) throw new Error(`the journey ended at: ${name}`);
    return outcome.value;
  };
}
