// The digits models of this repository and the images on which they are tested.

import { readFileSync } from 'node:fs';
import { inRepository, pack } from './packages.mjs';

const PIXELS = 64;
const CLASSES = 10;
const F32 = 4;

const file = (name) => readFileSync(inRepository(`models/digits/${name}`));
const row = (table, index, columns) => table.subarray(index * columns * F32, (index + 1) * columns * F32);

const images = file('test_inputs.f32');
const labels = file('test_labels.u8');

/** The package of `mlp`, `cnn` or `cnn-int8`. */
export function digitsPackage(model) {
  return pack(`models/digits/${model}.onnx`, {
    name: `digits-${model}`,
    description: 'Which digit is on an image of 8 x 8 pixels',
    license: 'Apache-2.0',
    labels: Array.from({ length: CLASSES }, (_, digit) => digit),
  });
}

/** The bytes of an image of the test split: 8 x 8 floats from 0 to 1. */
export const image = (index) => row(images, index, PIXELS);

/** What the image shows. */
export const label = (index) => labels[index];

/** onnxruntime's answer for an image. */
export const reference = (model, index) => floats(row(file(`${model}.reference.f32`), index, CLASSES));

/** Little-endian bytes as numbers. */
export function floats(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength / F32 }, (_, index) => view.getFloat32(index * F32, true));
}

/** Numbers as little-endian bytes. */
export function bytes(numbers) {
  return new Uint8Array(Float32Array.from(numbers).buffer);
}

/** The class with the highest probability. */
export const best = (probabilities) => probabilities.indexOf(Math.max(...probabilities));

/** Probabilities in words: `a 4, with a probability of 99.9 %`. */
export function reading(probabilities) {
  const digit = best(probabilities);
  return `a ${digit}, with a probability of ${(probabilities[digit] * 100).toFixed(1)} %`;
}

/** The largest difference between two lists of numbers. */
export const distance = (a, b) => Math.max(...a.map((value, index) => Math.abs(value - b[index])));

/** An image as text, two characters for each pixel. */
export function drawn(index) {
  const shades = [' ', '░', '▒', '▓', '█'];
  const pixels = floats(image(index)).map((value) => shades[Math.min(4, Math.round(value * 4))].repeat(2));
  return Array.from({ length: 8 }, (_, line) => pixels.slice(line * 8, line * 8 + 8).join(''));
}
