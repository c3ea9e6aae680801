// Two networks on one machine stay apart, though their chains begin with the same blocks.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

const MODULE = fileURLToPath(new URL('nodes.mjs', import.meta.url));

/** What the network at a first port gives its nodes: the keys of all, and the arguments of a provider's. */
function networkAt(port) {
  const script = `import(${JSON.stringify(MODULE)}).then(({ nodes, named, command }) =>
    console.log(JSON.stringify({ keys: nodes.map((node) => node.networkKey), call: command(named('provider-1'))[1] })))`;
  const env = { ...process.env, ASSAY_TESTNET: join(tmpdir(), 'no-network'), ASSAY_TESTNET_PORT: `${port}` };
  return JSON.parse(execFileSync(process.execPath, ['--eval', script], { env }));
}

const networks = [9800, 9900].map(networkAt);

test('no node of one network is taken for one of another', () => {
  const keys = networks.flatMap(({ keys }) => keys);
  assert.equal(new Set(keys).size, keys.length);
});

test('no client looks for others in the neighbourhood, neither the parachain’s nor the relay chain’s', () => {
  const [{ call }] = networks;
  const relayChain = call.indexOf('--');
  for (const part of [call.slice(0, relayChain), call.slice(relayChain)]) assert.ok(part.includes('--no-mdns'), `${part}`);
});
