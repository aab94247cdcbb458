import { BicotError } from '../../errors.js';
import type { JanusContext } from './sequences.js';
import type { JanusTokenizer } from './tokenizer.js';

/** What the two speakers are called in the conversation that a prompt is written as. */
export interface JanusRoles {
  /** Before what is asked. */
  readonly user: string;
  /** Before the plan or the image that answers. */
  readonly assistant: string;
}

/**
 * Janus-Pro was tuned with special tokens as roles; T2I-R1 was trained from it with the plain words of the older Janus, and
 * so expects those.
 */
export const JANUS_ROLES: Readonly<Record<'pro' | 't2i-r1', JanusRoles>> = {
  pro: { user: '<|User|>', assistant: '<|Assistant|>' },
  't2i-r1': { user: 'User', assistant: 'Assistant' },
};

/** The system message of T2I-R1's planning prompt. */
export const PLAN_SYSTEM =
  'You are a helpful assistant that receives an image prompt and generate a visualization of the prompt.';

/** What the planner is asked: T2I-R1's request in our words. `{}` stands for the prompt. */
export const PLAN_INSTRUCTION = [
  'You are asked to generate an image based on this prompt: "{}".',
  'Give a brief, precise visualization of everything in it. Your description should:',
  '1. include every object that the prompt mentions;',
  '2. give visual attributes (color, number, shape, texture) where the prompt specifies them;',
  '3. make relationships (such as spatial ones) clear where the prompt specifies them;',
  '4. be concise, 50 words at most;',
  '5. keep to what the prompt states;',
  '6. not elaborate beyond the given attributes and relationships.',
  'Do not miss any object. Output the visualization directly, without explanation:',
].join('\n');

/** More about `janusPrompts`. */
export interface JanusPromptOptions {
  /** Default `pro`. Give `t2i-r1` for weights of T2I-R1. */
  readonly roles?: keyof typeof JANUS_ROLES | JanusRoles;
  /** Before the planning request; '' for none. Default `PLAN_SYSTEM`. */
  readonly system?: string;
  /** The planning request, with `{}` where the prompt goes. Default `PLAN_INSTRUCTION`. */
  readonly instruction?: string;
}

/** Turns prompts into what plans and images are conditioned on. */
export interface JanusPrompts {
  /** The context of a plan. */
  plan(prompt: string): JanusContext;
  /** The context of an image; it ends with begin-of-image. Without a plan, that of the prompt alone. */
  image(prompt: string, plan?: string): JanusContext;
  /** The same as text, to look at. */
  readonly text: {
    /** The conversation that a plan answers. */
    plan(prompt: string): string;
    /** The conversation that an image answers. */
    image(prompt: string, plan?: string): string;
  };
}

/**
 * The prompts of T2I-R1: a planning request, and then prompt and plan as one message that an image answers.
 * @throws BicotError `value` if the instruction does not have `{}` exactly once
 */
export function janusPrompts(
  tokenizer: Pick<JanusTokenizer, 'encode' | 'tokens'>,
  options: JanusPromptOptions = {},
): JanusPrompts {
  const { roles: named = 'pro', system = PLAN_SYSTEM, instruction = PLAN_INSTRUCTION } = options;
  const roles = typeof named === 'string' ? JANUS_ROLES[named] : named;
  const parts = instruction.split('{}');
  if (parts.length !== 2) {
    throw new BicotError(
      'value',
      `janusPrompts: the instruction has {} ${parts.length - 1} times; it needs it once, where the prompt goes.`,
    );
  }
  const text = {
    plan: (prompt: string) => conversation(roles, parts.join(prompt), system),
    image: (prompt: string, plan?: string) =>
      conversation(roles, plan === undefined ? prompt : `${prompt}. ${plan}`),
  };
  const { begin, beginImage } = tokenizer.tokens;
  return {
    text,
    plan: (prompt) => ({ ids: Int32Array.from([begin, ...tokenizer.encode(text.plan(prompt))]) }),
    image: (prompt, plan) => ({
      ids: Int32Array.from([begin, ...tokenizer.encode(text.image(prompt, plan)), beginImage]),
    }),
  };
}

/** One question, ready to be answered, in DeepSeek's conversation format. */
function conversation({ user, assistant }: JanusRoles, content: string, system = ''): string {
  const before = system === '' ? '' : `${system}\n\n`;
  return `${before}${user}: ${content.trim()}\n\n${assistant}:`.trim();
}
