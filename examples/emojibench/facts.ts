import type { PromptRow } from 'bicot';
import { FACTS, type Fact } from '../emoji/facts.js';
import { stableHash } from '../emoji/holdout.js';

/** What a fact is about, after WISE (arXiv 2503.07265): cultural common sense, natural science, time and space. */
export const FACT_KINDS = ['culture', 'nature', 'time'] as const;
/** One of them. */
export type FactKind = (typeof FACT_KINDS)[number];

/** What the demo says of a noun, too. */
const known = (noun: string): Fact => FACTS.find((fact) => fact.noun === noun) as Fact;

/** Facts by what they are about. Every phrase belongs to one noun. */
const FACTS_BY_KIND: Readonly<Record<FactKind, readonly Fact[]>> = {
  culture: [
    { noun: 'pizza', phrases: ['the dish that Italy is famous for', 'the round dish from Naples'] },
    { noun: 'hot dog', phrases: ['the snack of baseball games', 'the sausage that people eat in New York'] },
    { noun: 'teddy bear', phrases: ['the toy named after a president', 'the toy that children hug'] },
    {
      noun: 'tie',
      phrases: ['the thing that men wear to the office', 'the thing around the neck of a banker'],
    },
    {
      noun: 'wine glass',
      phrases: ['the thing that people toast with', 'the thing to taste red Bordeaux from'],
    },
    {
      noun: 'bus',
      phrases: ['the vehicle with two floors in London', 'the vehicle that brings pupils to school'],
    },
    {
      noun: 'bicycle',
      phrases: ['the vehicle that Amsterdam is famous for', 'the vehicle of the tour de France'],
    },
    { noun: 'donut', phrases: ['the sweet ring that policemen love', 'the sweet ring with a hole'] },
    {
      noun: 'stop sign',
      phrases: ['the thing that tells drivers to halt', 'the thing at a crossing to obey'],
    },
    { noun: 'kite', phrases: ['the toy that Chinese children fly', 'the toy that needs wind'] },
    known('book'),
    { noun: 'scissors', phrases: ['the tool that cuts paper', 'the tool of a tailor'] },
  ],
  nature: [
    known('banana'),
    { noun: 'apple', phrases: ['the fruit that fell on Newton', 'the fruit that a doctor keeps away from'] },
    known('cow'),
    known('giraffe'),
    known('elephant'),
    known('zebra'),
    known('sheep'),
    known('dog'),
    known('cat'),
    { noun: 'horse', phrases: ['the animal that knights rode', 'the animal that neighs'] },
    { noun: 'bear', phrases: ['the animal that steals honey', 'the animal that sleeps all winter'] },
    { noun: 'bird', phrases: ['the animal with feathers', 'the animal that lays eggs in a nest'] },
    known('carrot'),
    {
      noun: 'potted plant',
      phrases: ['the thing that needs water and light', 'the thing that makes oxygen'],
    },
    { noun: 'boat', phrases: ['the vehicle that floats on water', 'the vehicle that sails'] },
    known('airplane'),
  ],
  time: [
    known('clock'),
    known('bed'),
    { noun: 'toothbrush', phrases: ['the tool to use before bed', 'the tool for clean teeth'] },
    { noun: 'cake', phrases: ['the sweet for a birthday', 'the sweet with candles once a year'] },
    { noun: 'umbrella', phrases: ['the thing people open in the rain', 'the thing for a wet day in autumn'] },
    {
      noun: 'cup',
      phrases: ['the thing to drink coffee from at breakfast', 'the thing on the table at tea time'],
    },
    {
      noun: 'tv',
      phrases: ['the thing families watch in the evening', 'the thing that shows the news at eight'],
    },
    { noun: 'laptop', phrases: ['the thing that replaced the typewriter', 'the thing of modern offices'] },
    {
      noun: 'train',
      phrases: ['the vehicle that once ran on steam', 'the vehicle people wait for at a station'],
    },
    {
      noun: 'backpack',
      phrases: ['the thing to carry on a day of hiking', 'the thing that pupils pack in the morning'],
    },
  ],
};

/** All facts of EmojiBench. */
export const BENCH_FACTS: readonly Fact[] = FACT_KINDS.flatMap((kind) => FACTS_BY_KIND[kind]);

const KIND_OF_PHRASE: readonly (readonly [string, FactKind])[] = FACT_KINDS.flatMap((kind) =>
  FACTS_BY_KIND[kind].flatMap(({ phrases }) => phrases.map((phrase) => [phrase, kind] as const)),
);

/** What a reasoning prompt's fact is about; nothing for other prompts. */
export function factKindOf({ prompt }: Pick<PromptRow, 'prompt'>): FactKind | undefined {
  return KIND_OF_PHRASE.find(([phrase]) => prompt.includes(phrase))?.[1];
}

/** The share of phrases that no reinforcement learning sees. Pre-training does: it is what the base knows. */
export const HELD_OUT_PHRASES = 0.2;

/** Whether a prompt says something in a way that reinforcement learning never sees. */
export function hasHeldOutPhrase({ prompt }: Pick<PromptRow, 'prompt'>): boolean {
  return KIND_OF_PHRASE.some(
    ([phrase]) => prompt.includes(phrase) && stableHash(`phrase ${phrase}`) < HELD_OUT_PHRASES,
  );
}
