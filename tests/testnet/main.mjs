// The test network that scripts/testnet.sh starts and stops. Its options are described there.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { say, table, title } from '../demo/terminal.mjs';
import { isTaken } from '../lib/node.mjs';
import { until } from '../lib/wait.mjs';
import { makeSpecs, RELAY_CHAIN, SPECS } from './chains.mjs';
import { keepPort, named, nodes, refuseOtherPorts } from './nodes.mjs';
import { lastLines, pidOf, start, stop } from './processes.mjs';
import { stateOf } from './state.mjs';

const BLOCK_SECONDS = 900;
const HERE = dirname(fileURLToPath(import.meta.url));
/** Those of any world, and those that need this one. */
const JOURNEYS = ['../journeys', 'journeys'].map((folder) => join(HERE, folder));

const SECONDS_BETWEEN_LINES = 15;

const OPTIONS = {
  fresh: { type: 'boolean' },
  json: { type: 'boolean' },
  follow: { type: 'boolean', short: 'f' },
  lines: { type: 'string', default: '40' },
};

let lastLine = 0;

/** Prints a line over the one before where somebody looks, and one now and then elsewhere. */
function progress(text) {
  if (process.stdout.isTTY) {
    process.stdout.write(`\r\x1b[K    ${text}`);
  } else if (text && Date.now() - lastLine > SECONDS_BETWEEN_LINES * 1000) {
    lastLine = Date.now();
    say(text);
  }
}

async function up() {
  if (options.fresh) await startOver();
  keepPort();
  if (!existsSync(RELAY_CHAIN)) {
    title('The specs of both chains, with the parachain in the relay chain’s genesis');
    makeSpecs();
  }
  title('Nodes');
  await refuseTakenPorts();
  for (const node of nodes) say(`${node.name}: ${start(node) ? 'started' : 'runs already'}`);
  title('Waiting for a block that is final');
  for (const node of nodes) await answers(node);
  await nextFinalBlock();
  await status();
  say('');
  say(`polkadot.js Apps: https://polkadot.js.org/apps/?rpc=${named('provider-1').url}#/explorer`);
}

/** Removes what is the network's, and nothing else that is in the folder. */
async function startOver() {
  await down();
  for (const folder of [SPECS, ...nodes.map((node) => node.folder)]) rmSync(folder, { recursive: true, force: true });
}

async function refuseTakenPorts() {
  for (const node of nodes.filter((node) => !pidOf(node))) {
    for (const port of [node.rpcPort, node.networkPort, node.metricsPort, node.relayPort]) {
      if (await isTaken(port)) throw new Error(`port ${port} of ${node.name} is taken: set ASSAY_TESTNET_PORT`);
    }
  }
}

async function answers(node) {
  progress(`${node.name} starts`);
  await until(`${node.name} to answer`, async () => {
    refuseEnded(node);
    return (await stateOf(node)).best !== undefined;
  }, { seconds: 300, pause: 500 });
}

function refuseEnded(node) {
  if (pidOf(node)) return;
  throw new Error(`${node.name} ended by itself. The last lines of ${node.log}:\n${lastLines(node, 15)}`);
}

/** Waits until one more block of the parachain is final: backed, included, and finalized by the relay chain. */
async function nextFinalBlock() {
  const [relay, collator] = ['relay-alice', 'collator-alice'].map(named);
  const began = Date.now();
  let final;
  await until('a block of the parachain to be final', async () => {
    nodes.forEach(refuseEnded);
    const [above, below] = await Promise.all([relay, collator].map(stateOf));
    const seconds = Math.round((Date.now() - began) / 1000);
    progress(`${seconds} s: relay chain at ${above.best}, ${above.final} final; parachain at ${below.best}, ${below.final} final`);
    final ??= below.final;
    return below.final > final;
  }, { seconds: BLOCK_SECONDS, pause: 1000 });
  progress('');
}

async function status() {
  const rows = await Promise.all(nodes.map(async (node) => ({ ...node, pid: pidOf(node), ...(await stateOf(node)) })));
  if (options.json) {
    const shown = ({ name, role, of, pid, url, metricsPort, log, best, final, peers }) =>
      ({ name, role, chain: of, pid, url, metrics: `http://127.0.0.1:${metricsPort}/metrics`, log, best, final, peers });
    console.log(JSON.stringify(rows.map(shown)));
  } else {
    title('The network');
    const text = (value) => `${value ?? '-'}`;
    table([
      ['node', 'role', 'chain', 'RPC', 'process', 'block', 'final', 'peers', 'log'],
      ...rows.map(({ name, role, of, url, pid, best, final, peers, log }) =>
        [name, role, of, url, pid ?? 'ended', best, final, peers, log].map(text)),
    ]);
  }
  if (action === 'status' && rows.some(({ pid }) => !pid)) process.exitCode = 1;
}

async function down() {
  const stopped = await Promise.all(nodes.map(async (node) => (await stop(node)) && node.name));
  const names = stopped.filter(Boolean);
  say(names.length ? `stopped ${names.join(', ')}` : 'nothing runs');
}

function logs() {
  const follow = options.follow ? ['-F'] : [];
  spawnSync('tail', ['-n', options.lines, ...follow, named(names[0]).log], { stdio: 'inherit' });
}

async function restart() {
  const node = named(names[0]);
  refuseNoNetwork();
  await stop(node);
  start(node);
  await answers(node);
  say(`${node.name} runs again, as process ${pidOf(node)}`);
}

function refuseNoNetwork() {
  if (!existsSync(RELAY_CHAIN)) throw new Error('there is no network: scripts/testnet.sh up starts one');
}

/** Runs journeys on the network, one after the other: all, or those of some names. */
function test() {
  refuseNoNetwork();
  const ended = nodes.filter((node) => !pidOf(node)).map(({ name }) => name);
  if (ended.length) throw new Error(`${ended.join(', ')} ended: scripts/testnet.sh up starts what does not run`);
  const all = JOURNEYS.flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)));
  const files = names.length ? names.map((name) => journeyNamed(all, name)) : all;
  const world = { ASSAY_WORLD: join(HERE, 'world.mjs'), ASSAY_NEW_ACCOUNTS: 'yes', ASSAY_PATIENCE: '8' };
  const parameters = ['--test', '--test-concurrency=1', '--test-reporter=spec', ...files];
  const { status } = spawnSync(process.execPath, parameters, { stdio: 'inherit', env: { ...process.env, ...world } });
  // There is none if it was killed.
  process.exitCode = status ?? 1;
}

function journeyNamed(all, name) {
  const file = all.find((file) => basename(file, '.mjs') === name);
  if (!file) throw new Error(`there is no journey ${name}: there are ${all.map((file) => basename(file, '.mjs')).join(', ')}`);
  return file;
}

const ACTIONS = { up, status, logs, down, restart, test };

let options, action, names;
try {
  ({ values: options, positionals: [action, ...names] } = parseArgs({ allowPositionals: true, options: OPTIONS }));
  if (!options.fresh) refuseOtherPorts();
  await ACTIONS[action]();
} catch (error) {
  console.error(`\nerror: ${error.message}`);
  process.exitCode = 1;
}
