// Waiting for something that will be so.

import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks again and again until the answer is neither undefined, null nor false, and returns it.
 * @template T
 * @param {string} what what is waited for, for the error
 * @param {() => T | Promise<T>} probe
 */
export async function until(what, probe, { seconds = 90, pause = 150 } = {}) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    if (Date.now() > end) throw new Error(`waited ${seconds} s for ${what}`);
    await sleep(pause);
  }
}
