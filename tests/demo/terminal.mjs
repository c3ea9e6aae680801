// What a demonstration prints.

export const title = (text) => console.log(`\n\x1b[1m==> ${text}\x1b[0m`);

export const say = (text) => console.log(`    ${text}`);

/** Runs `action`, and says what it is and how long it took. */
export async function timed(what, action) {
  process.stdout.write(`    ${what} ... `);
  const start = Date.now();
  const result = await action();
  console.log(`${((Date.now() - start) / 1000).toFixed(1)} s`);
  return result;
}

/** Rows of cells, in columns. The first row is the head. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) say(row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd());
}

/** Prints what was checked, and returns whether all of it holds. */
export function verdict(checks) {
  title('Checks');
  for (const [check, holds] of Object.entries(checks)) say(`${holds ? 'yes' : 'NO '}  ${check}`);
  return Object.values(checks).every(Boolean);
}
