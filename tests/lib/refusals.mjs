// What is wrong is refused: by name, and at the cost of the fee alone.

import assert from 'node:assert/strict';
import { balance, dave, submit } from './chain.mjs';

/**
 * Submits what is wrong: each row is what, the error, the call, and who signs if not Dave.
 * Nobody gains or loses anything but the fee.
 */
export async function refuses({ api, step }, rows) {
  for (const [what, error, call, signer = dave] of rows) {
    await step(`${what}: ${error}`, async () => {
      const before = await balance(api, signer);
      const refused = await submit(api, call, signer).then(
        () => assert.fail('it was accepted'),
        (refused) => refused,
      );
      if (error instanceof RegExp) assert.match(`${refused.name}: ${refused.message}`, error);
      else assert.equal(refused.name, error);
      const after = await balance(api, signer);
      assert.equal(after.all, before.all - (refused.fee ?? 0n));
      assert.equal(after.held, before.held);
    });
  }
}
