// The nodes of the test network: their names, their roles, and what they are started with.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { base58Encode, ed25519PairFromSeed } from '@polkadot/util-crypto';
import { hexToU8a, u8aConcat } from '@polkadot/util';
import { binary } from '../lib/node.mjs';
import { PARACHAIN, RELAY_CHAIN } from './chains.mjs';
import { FOLDER, relayBinary } from './folder.mjs';

const PORT_FILE = join(FOLDER, 'port');
const keptPort = existsSync(PORT_FILE) ? readFileSync(PORT_FILE, 'utf8') : undefined;

/** The first port of all. A node has ten: its RPC, its network, its metrics, and the network of its relay chain's client. */
const FIRST_PORT = Number(process.env.ASSAY_TESTNET_PORT || keptPort || 9900);

/** Lets whoever looks after this network later find it at the same ports. */
export function keepPort() {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(PORT_FILE, `${FIRST_PORT}`);
}

/** Throws if the network was started at other ports than those that are wanted now. */
export function refuseOtherPorts() {
  if (!keptPort || Number(keptPort) === FIRST_PORT) return;
  throw new Error(`the network in ${FOLDER} is at port ${keptPort}, not ${FIRST_PORT}: unset ASSAY_TESTNET_PORT, or begin anew with --fresh`);
}

const port = (index, offset) => FIRST_PORT + 10 * index + offset;

const NODES = [
  { name: 'relay-alice', role: 'validator', of: 'relay chain', key: '--alice' },
  { name: 'relay-bob', role: 'validator', of: 'relay chain', key: '--bob' },
  { name: 'collator-alice', role: 'collator', of: 'parachain', key: '--alice' },
  { name: 'collator-bob', role: 'collator', of: 'parachain', key: '--bob' },
  { name: 'provider-1', role: 'provider', of: 'parachain' },
  { name: 'provider-2', role: 'provider', of: 'parachain' },
];

/**
 * All nodes, in the order in which they are started.
 * @typedef {{name: string, role: string, of: string, rpcPort: number, metricsPort: number, url: string, folder: string, log: string}} NodeOfNet
 */
export const nodes = NODES.map((node, index) => ({
  ...node,
  rpcPort: port(index, 4),
  networkPort: port(index, 3),
  metricsPort: port(index, 5),
  relayPort: port(index, 6),
  url: `ws://127.0.0.1:${port(index, 4)}`,
  folder: join(FOLDER, node.name),
  log: join(FOLDER, node.name, 'log'),
  // A secret that is no secret: the others know the node's address before it runs. Those of another network are others.
  networkKey: String(port(index, 3)).padStart(64, '0'),
}));

const PEER_ID = new Uint8Array([0x00, 0x24, 0x08, 0x01, 0x12, 0x20]);

function address({ networkKey, networkPort }) {
  const { publicKey } = ed25519PairFromSeed(hexToU8a(`0x${networkKey}`));
  return `/ip4/127.0.0.1/tcp/${networkPort}/p2p/${base58Encode(u8aConcat(PEER_ID, publicKey))}`;
}

const others = (node) => nodes.filter((other) => other.of === node.of && other !== node);

/** The node of a name. */
export function named(name) {
  const node = nodes.find((node) => node.name === name);
  if (!node) throw new Error(`there is no node ${name}: there are ${nodes.map(({ name }) => name).join(', ')}`);
  return node;
}

const ofRole = (role) => nodes.filter((node) => node.role === role);

/** The validators' RPCs. */
export const relays = ofRole('validator').map(({ url }) => url);

/**
 * The program and the arguments of a node.
 * @param {{relayUrls?: string[], data?: string}} [options] the RPCs at which it asks the relay chain, and its folder of data in
 *   that of the node, if they are to be others than usual
 */
export function command(node, { relayUrls = relays, data = 'data' } = {}) {
  return node.of === 'relay chain'
    ? [relayBinary(), relayArguments(node, data)]
    : [binary('assay-node'), parachainArguments(node, data, relayUrls)];
}

const common = (node, data) => [
  ...['--base-path', join(node.folder, data)],
  ...['--rpc-port', node.rpcPort],
  ...['--prometheus-port', node.metricsPort],
  ...['--listen-addr', `/ip4/127.0.0.1/tcp/${node.networkPort}`],
  ...['--node-key', node.networkKey],
  ...['--no-telemetry', '--no-hardware-benchmarks', '--no-mdns'],
  ...['--rpc-cors', 'all'],
  ...['--bootnodes', ...others(node).map(address)],
];

function relayArguments(node, data) {
  return [node.key, '--validator', '--chain', RELAY_CHAIN, ...common(node, data)].map(String);
}

// The relay chain is asked over RPC instead of being followed by a client in each node, which would take as much of the
// machine as a validator does.
function parachainArguments(node, data, relayUrls) {
  return [
    ...(node.role === 'collator' ? [node.key, '--collator'] : ['--name', node.name]),
    ...['--chain', PARACHAIN],
    ...common(node, data),
    ...['--enable-offchain-indexing', 'true'],
    // The keys of well-known accounts would make collators watchers.
    ...['--offchain-worker', node.role === 'provider' ? 'always' : 'never'],
    ...['--relay-chain-rpc-urls', ...relayUrls],
    ...['--', '--chain', RELAY_CHAIN, '--no-mdns', '--listen-addr', `/ip4/127.0.0.1/tcp/${node.relayPort}/ws`],
    ...['--bootnodes', ...ofRole('validator').map(address)],
  ].map(String);
}
