// What the nodes say of themselves.

/** The answer to an RPC, or undefined where nobody answers. */
export async function ask(node, method, ...params) {
  try {
    const response = await fetch(`http://127.0.0.1:${node.rpcPort}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: 1, jsonrpc: '2.0', method, params }),
      signal: AbortSignal.timeout(5000),
    });
    return (await response.json()).result;
  } catch {
    return undefined;
  }
}

const number = (header) => header && Number(header.number);

/**
 * The newest block of a node, the newest final one, and how many nodes it is connected to.
 * @returns {Promise<{best?: number, final?: number, peers?: number}>}
 */
export async function stateOf(node) {
  const [best, hash, health] = await Promise.all([
    ask(node, 'chain_getHeader'),
    ask(node, 'chain_getFinalizedHead'),
    ask(node, 'system_health'),
  ]);
  const final = hash && (await ask(node, 'chain_getHeader', hash));
  return { best: number(best), final: number(final), peers: health?.peers };
}
