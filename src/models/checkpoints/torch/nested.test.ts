import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { memoryFolder } from '../memory-folder.js';
import { openTensorFile } from '../open-file.js';
import { openTensors } from '../open-tensors.js';
import { tensorsWithin } from './nested.js';
import { unpickle } from './pickle.js';
import type { PickleDict, PickleValue } from './pickle-value.js';

/** Written by test/reference/llamagen.py. */
const training = new Uint8Array(
  readFileSync(new URL('../../../../test/fixtures/llamagen/training.pt', import.meta.url)),
);

/** The file with one text in its pickle replaced by another of the same length. */
function patched(from: string, to: string): Uint8Array {
  const bytes = training.slice();
  const at = Buffer.from(bytes.buffer).indexOf(from);
  expect(at).toBeGreaterThan(0);
  bytes.set(new TextEncoder().encode(to), at);
  return bytes;
}

const open = (bytes: Uint8Array) => openTensorFile(memoryFolder({ 'a.pt': bytes }), 'a.pt');

describe('a checkpoint of a training script', () => {
  it('gives its tensors, by their keys joined by dots, and nothing else', async () => {
    const source = await open(training);
    expect(source.path).toBe('memory/a.pt');
    expect([...source.tensors].map(([name, { dtype, shape }]) => [name, dtype, shape])).toEqual([
      ['model.steps', 'I64', []],
      ['model.norm.weight', 'F32', [4]],
      ['optimizer.state.0.step', 'F64', []],
      ['optimizer.state.0.exp_avg', 'F32', [4]],
      ['optimizer.state.0.exp_avg_sq', 'F32', [4]],
    ]);
    // One step of AdamW by a gradient of ones: 0.1 of it are in the first moment.
    expect(await source.readFloats('optimizer.state.0.exp_avg')).toBeAllclose([0.1, 0.1, 0.1, 0.1], 1e-6);
    // 1 · (1 − lr · weight decay) − lr
    expect(await source.readFloats('model.norm.weight')).toBeAllclose(
      new Array(4).fill(1 - 1e-6 - 1e-4),
      1e-7,
    );
    await expect(source.readFloats('model.steps')).rejects.toThrow(/format I64/);
  });

  it('is refused where weights of a model and nothing else are expected', async () => {
    await expect(openTensors(memoryFolder({ 'pytorch_model.bin': training }))).rejects.toMatchObject({
      code: 'checkpoint',
    });
  });

  it('may have options of a known class, and objects of no other', async () => {
    await expect(open(patched('cargparse\nNamespace', 'csubprocess\nPopens_'))).rejects.toMatchObject({
      code: 'checkpoint',
      message: expect.stringMatching(/it names subprocess\.Popens_.*nothing was run here/),
    });
  });
});

describe('a pickle with an object of a known class', () => {
  const rules = { functions: new Set<string>(), names: new Set(['b.C']), opaque: new Set(['a.N']) };
  const fail = (what: string): never => {
    throw new Error(what);
  };
  const codes = (text: string): number[] => [...new TextEncoder().encode(text)];
  const read = (...ops: number[][]) => unpickle(Uint8Array.from([0x80, 2, ...ops.flat(), 0x2e]), rules, fail);
  const known = codes('ca\nN\n');
  const [empty, make, build, dict] = [[0x29], [0x81], [0x62], [0x7d]] as const;

  it('notes it down, and drops what it would hold', () => {
    const object = { kind: 'opaque', name: 'a.N' };
    expect(read(known, [...empty], [...make])).toEqual(object);
    expect(read(known, [...empty], [...make], [...dict], [...build])).toEqual(object);
  });

  it('makes none with arguments, of another name, or of no class', () => {
    const words = /operation 0x81/;
    expect(() => read(known, [0x4b, 1, 0x85], [...make])).toThrow(words);
    expect(() => read(codes('cb\nC\n'), [...empty], [...make])).toThrow(words);
    expect(() => read([...dict], [...empty], [...make])).toThrow(words);
    expect(() => read(known, [...empty], [0x52])).toThrow(/it calls a\.N/);
    expect(() => read(known, [...empty], [...make], [0x4b, 1], [...build])).toThrow(/no dict/);
  });

  it('reads floats and lists', () => {
    const half = [0x47, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0];
    expect(read([0x5d], half, [0x61])).toEqual({ kind: 'list', items: [0.5] });
    expect(read([0x5d, 0x28], half, half, [0x65])).toEqual({ kind: 'list', items: [0.5, 0.5] });
    expect(() => read([...dict], half, [0x61])).toThrow(/no list/);
    expect(() => read([0x47, 1, 2])).toThrow(/ends early/);
  });
});

describe('dicts within dicts', () => {
  const call: PickleValue = { kind: 'call', name: 'tensor', args: { kind: 'tuple', items: [] } };
  const dict = (items: Record<string, PickleValue>): PickleDict => ({
    kind: 'dict',
    items: new Map(Object.entries(items)),
  });
  const fail = (what: string): never => {
    throw new Error(what);
  };
  const names = (state: PickleDict) => tensorsWithin(state, fail).map(([name]) => name);

  it('leave out what is no tensor', () => {
    const list: PickleValue = { kind: 'list', items: [call] };
    expect(names(dict({ a: 1, b: 'x', c: null, d: list, e: dict({ f: call }), g: call }))).toEqual([
      'e.f',
      'g',
    ]);
    expect(names(dict({}))).toEqual([]);
  });

  it('must not go in circles, occur twice, go too deep, or give two tensors one name', () => {
    const circle = dict({});
    circle.items.set('own', circle);
    expect(() => names(circle)).toThrow(/own is within itself/);
    const shared = dict({ a: call });
    expect(() => names(dict({ one: shared, two: shared }))).toThrow(/two is .*there twice/);
    let deep = dict({ a: call });
    for (let i = 0; i < 9; i++) deep = dict({ a: deep });
    expect(() => names(deep)).toThrow(/more than 8 deep/);
    expect(() => names(dict({ 'a.b': call, a: dict({ b: call }) }))).toThrow(/two tensors a\.b/);
  });
});
