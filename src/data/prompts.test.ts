import { describe, expect, it } from 'vitest';
import { parsePromptRows } from './prompts.js';

const spatial = {
  prompt: 'a photo of a banana above a bed',
  task_type: 'spatial',
  nouns: ['banana', 'bed'],
  spatial_info: { obj1: 'banana', obj2: 'bed', locality: 'above' },
};
const numeracy = {
  prompt: 'a photo of three bananas',
  task_type: 'numeracy',
  nouns: ['banana'],
  numeracy_info: [{ obj_name: 'banana', num: 3 }],
};
const color = {
  prompt: 'a purple elephant',
  task_type: 'color',
  nouns: ['elephant'],
  attr_nouns: ['purple elephant'],
};
const lines = (...rows: unknown[]): string => rows.map((row) => JSON.stringify(row)).join('\n');

describe('parsePromptRows', () => {
  it('reads JSON Lines, blank lines and Windows line ends included', () => {
    const text = `\uFEFF${lines(spatial, numeracy)}\r\n\r\n${lines(color)}\r\n`;
    expect(parsePromptRows(text)).toEqual([spatial, numeracy, color]);
  });

  it('reads a JSON list', () => {
    expect(parsePromptRows(JSON.stringify([spatial, color], null, 2))).toEqual([spatial, color]);
  });

  it('takes null columns as absent and drops unknown ones', () => {
    const padded = { ...color, spatial_info: null, numeracy_info: null, split: 'train' };
    const [row] = parsePromptRows(lines(padded));
    expect(row).toEqual(color);
    expect(Object.keys(row ?? {})).toEqual(['prompt', 'task_type', 'nouns', 'attr_nouns']);
  });

  const place = { obj1: 'a', obj2: 'b', locality: 'near' };
  it.each([
    ['not an object', 5, /the row is 5; expected an object/],
    ['no prompt', { ...color, prompt: undefined }, /prompt is missing; expected a non-empty string/],
    ['a blank task', { ...color, task_type: ' ' }, /task_type is " "; expected a non-empty string/],
    ['nouns as text', { ...color, nouns: 'elephant' }, /nouns is "elephant"; expected a list/],
    ['nouns null', { ...color, nouns: null }, /nouns is null; expected a list/],
    [
      'a noun that is a number',
      { ...color, nouns: ['a', 3] },
      /nouns\[1\] is 3; expected a non-empty string/,
    ],
    ['attr_nouns as text', { ...color, attr_nouns: 'x' }, /attr_nouns is "x"; expected a list/],
    [
      'spatial_info as text',
      { ...color, spatial_info: 'left' },
      /spatial_info is "left"; expected an object/,
    ],
    ['no obj2', { ...color, spatial_info: { ...place, obj2: undefined } }, /spatial_info\.obj2 is missing/],
    [
      'unknown locality',
      { ...color, spatial_info: { ...place, locality: 'inside' } },
      /locality "inside" has no/,
    ],
    ['numeracy as object', { ...color, numeracy_info: {} }, /numeracy_info is \{\}; expected a list/],
    [
      'an item as text',
      { ...color, numeracy_info: ['dog'] },
      /numeracy_info\[0\] is "dog"; expected an object/,
    ],
    [
      'count 0',
      { ...color, numeracy_info: [{ obj_name: 'a', num: 0 }] },
      /\[0\]\.num is 0; expected a whole/,
    ],
    ['count as text', { ...color, numeracy_info: [{ obj_name: 'a', num: '2' }] }, /\[0\]\.num is "2"/],
    ['no obj_name', { ...color, numeracy_info: [{ num: 2 }] }, /numeracy_info\[0\]\.obj_name is missing/],
  ])('refuses %s, naming file, line and field', (_, row, message) => {
    const expected = (where: RegExp) =>
      expect.objectContaining({
        code: 'prompt-row',
        message: expect.stringMatching(new RegExp(`^${where.source}: .*${message.source}`)),
      });
    const text = `${lines(color)}\n\n${lines(row)}`;
    expect(() => parsePromptRows(text, 'my.jsonl')).toThrow(expected(/my\.jsonl:3/));
    expect(() => parsePromptRows(JSON.stringify([color, row]), 'my.json')).toThrow(expected(/my\.json:2/));
  });

  it('refuses broken JSON, naming the line', () => {
    expect(() => parsePromptRows(`${lines(color)}\n{"prompt": `, 'my.jsonl')).toThrow(
      expect.objectContaining({
        code: 'prompt-row',
        message: expect.stringMatching(/^my\.jsonl:2: not valid JSON/),
      }),
    );
    expect(() => parsePromptRows('[{', 'my.json')).toThrow(expect.objectContaining({ code: 'prompt-row' }));
  });

  it.each(['', '\n \n', '[]'])('refuses a file without rows: %j', (text) => {
    expect(() => parsePromptRows(text)).toThrow(expect.objectContaining({ code: 'empty-prompts' }));
  });
});
