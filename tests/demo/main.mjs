// The demonstrations that scripts/demo.sh runs, each on a fresh node.

import { parseArgs } from 'node:util';
import { connect } from '../lib/chain.mjs';
import { isTaken, Node } from '../lib/node.mjs';
import { story as answerStory } from './answer.mjs';
import { story as fraudStory } from './fraud.mjs';
import { say, timed, title } from './terminal.mjs';

const STORIES = { answer: answerStory, fraud: fraudStory };
const USUAL_PORT = 9944;
const INTERRUPTED = 130;

const { values: options, positionals: [chosen = 'answer'] } = parseArgs({
  allowPositionals: true,
  options: { once: { type: 'boolean' }, 'keep-data': { type: 'boolean' } },
});

if (!(chosen in STORIES)) throw new Error(`no demonstration ${chosen}: there are ${Object.keys(STORIES).join(', ')}`);

const started = Date.now();

async function startNode(node) {
  title('A node of its own, on a development chain');
  say(`log: ${node.logFile}`);
  await timed('starting', () => node.start());
  if (node.rpcPort !== USUAL_PORT) say(`port ${USUAL_PORT} is taken, so it listens on ${node.rpcPort}`);
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

async function demonstrate(node) {
  const api = await connect(node.url);
  const right = await STORIES[chosen](api);
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

const node = new Node({ rpcPort: (await isTaken(USUAL_PORT)) ? undefined : USUAL_PORT });
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
