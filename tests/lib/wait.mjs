// Waiting for something that will be so.

import { setTimeout as sleep } from 'node:timers/promises';

/** How many times as long as usual things may take: other chains are slower than a development chain. */
export const PATIENCE = Number(process.env.ASSAY_PATIENCE ?? 1);

/**
 * Asks again and again until the answer is neither undefined, null nor false, and returns it.
 * @template T
 * @param {string} what what is waited for, for the error
 * @param {() => T | Promise<T>} probe
 */
export async function until(what, probe, { seconds = 90, pause = 150 } = {}) {
  const end = Date.now() + PATIENCE * seconds * 1000;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    if (Date.now() > end) throw new Error(`waited ${PATIENCE * seconds} s for ${what}`);
    await sleep(pause);
  }
}
