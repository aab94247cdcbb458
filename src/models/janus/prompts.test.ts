import { describe, expect, it } from 'vitest';
import { janusPrompts, PLAN_INSTRUCTION, PLAN_SYSTEM } from './prompts.js';

const tokenizer = {
  tokens: { begin: 1, end: 2, pad: 3, beginImage: 4 },
  encode: (text: string) => Int32Array.from(text, (character) => 100 + character.charCodeAt(0)),
};
const told = (ids: ArrayLike<number>) =>
  Array.from(ids, (id) => (id < 100 ? `<${id}>` : String.fromCharCode(id - 100))).join('');

describe('janusPrompts', () => {
  it("writes Janus-Pro's conversation", () => {
    const { image, text } = janusPrompts(tokenizer);
    expect(text.image('a red cube')).toBe('<|User|>: a red cube\n\n<|Assistant|>:');
    expect(told(image('a red cube').ids)).toBe('<1><|User|>: a red cube\n\n<|Assistant|>:<4>');
  });

  it("writes T2I-R1's prompts: the plan unstripped after the prompt, trailing spaces cut", () => {
    const { plan, image, text } = janusPrompts(tokenizer, { roles: 't2i-r1' });
    expect(text.image('a cube.', ' The cube is red. ')).toBe(
      'User: a cube..  The cube is red.\n\nAssistant:',
    );
    expect(told(image('a cube', ' Red.').ids)).toBe('<1>User: a cube.  Red.\n\nAssistant:<4>');
    expect(text.plan('a cube')).toBe(
      `${PLAN_SYSTEM}\n\nUser: ${PLAN_INSTRUCTION.replace('{}', 'a cube')}\n\nAssistant:`,
    );
    expect(told(plan('a cube').ids)).toBe(`<1>${text.plan('a cube')}`);
  });

  it('takes a prompt as it is, whatever braces and dollars are in it', () => {
    const { text } = janusPrompts(tokenizer, { instruction: 'Plan {} now', system: '' });
    expect(text.plan('$& {} $1')).toBe('<|User|>: Plan $& {} $1 now\n\n<|Assistant|>:');
  });

  it('refuses an instruction without its place for the prompt', () => {
    expect(() => janusPrompts(tokenizer, { instruction: 'Plan.' })).toThrow(/has \{\} 0 times/);
    expect(() => janusPrompts(tokenizer, { instruction: '{} {}' })).toThrow(/has \{\} 2 times/);
  });
});
