// The transformer of this repository, which tells the language of a text, and texts on which it is tested.

import { readFileSync } from 'node:fs';
import { floats } from './digits.mjs';
import { inRepository, pack } from './packages.mjs';

const LANGUAGES = ['cs', 'de', 'es', 'fi', 'fr', 'hu', 'it', 'nl', 'pl', 'tr'];
const TEXT_LEN = 64 * 8;
const SCORES_LEN = LANGUAGES.length * 4;

const file = (name) => readFileSync(inRepository(`models/languages/${name}`));
const row = (table, index, len) => table.subarray(index * len, (index + 1) * len);

/** The package of the transformer. */
export function languagesPackage() {
  return pack('models/languages/transformer.onnx', {
    name: 'languages',
    description: 'In which of ten languages a text is',
    license: 'BSD-3-Clause',
    labels: LANGUAGES,
  });
}

/** The bytes of a text: the codes of its first 64 bytes. */
export const text = (index) => row(file('test_inputs.i64'), index, TEXT_LEN);

/** onnxruntime's scores for a text. */
export const scores = (index) => floats(row(file('transformer.reference.f32'), index, SCORES_LEN));
