import { expect, it } from 'vitest';
import { readSaid } from './said.js';

const answer = { kind: 'lost', worker: 'a', seconds: 1, reason: 'gone' } as const;

it('reads an answer, as text and as a value', () => {
  expect(readSaid(answer)).toEqual({ answer });
  expect(readSaid(JSON.stringify(answer))).toEqual({ answer });
});

it.each([undefined, null, 7, '', '{', 'null', {}, { ...answer, kind: 'won' }])(
  'finds that %j is none, and throws nothing',
  (said) => {
    expect(readSaid(said)).toMatchObject({ problem: expect.stringMatching(/an answer makes no sense/) });
  },
);

it('says who said what it can not read, if that is there', () => {
  expect(readSaid({ worker: 'a' })).toMatchObject({ worker: 'a' });
  expect(readSaid({ worker: 7 })).not.toHaveProperty('worker');
});
