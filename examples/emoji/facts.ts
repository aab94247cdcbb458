/** Something everybody knows of a noun, so that a prompt can ask for it without naming it. */
export interface Fact {
  readonly noun: string;
  /** Descriptions with their article; none contains the noun. */
  readonly phrases: readonly string[];
}

/** The facts that `reasoning` prompts use: T2I-R1's own example is "the fruit that monkeys love". */
export const FACTS: readonly Fact[] = [
  { noun: 'banana', phrases: ['the fruit that monkeys love', 'the yellow fruit that people peel'] },
  { noun: 'cow', phrases: ['the animal that gives milk', 'the animal that eats grass and moos'] },
  { noun: 'bed', phrases: ['the furniture that people sleep in', 'the thing to rest on at night'] },
  { noun: 'clock', phrases: ['the thing that tells the time', 'the thing that rings in the morning'] },
  { noun: 'umbrella', phrases: ['the thing that keeps the rain off', 'the thing people open in the rain'] },
  { noun: 'giraffe', phrases: ['the animal with the longest neck', 'the tallest animal'] },
  { noun: 'elephant', phrases: ['the animal with a trunk', 'the largest animal on land'] },
  { noun: 'zebra', phrases: ['the animal with stripes', 'the striped animal'] },
  { noun: 'sheep', phrases: ['the animal that gives wool', 'the animal with a coat of wool'] },
  { noun: 'dog', phrases: ['the animal that barks', 'the animal that guards the house'] },
  { noun: 'cat', phrases: ['the animal that purrs', 'the animal that chases mice'] },
  { noun: 'carrot', phrases: ['the vegetable that rabbits love', 'the long vegetable that rabbits eat'] },
  { noun: 'airplane', phrases: ['the vehicle that flies', 'the vehicle with wings'] },
  { noun: 'train', phrases: ['the vehicle that runs on rails', 'the vehicle people wait for at a station'] },
  { noun: 'boat', phrases: ['the vehicle that sails', 'the vehicle that floats on water'] },
  { noun: 'scissors', phrases: ['the tool that cuts paper', 'the tool with sharp blades'] },
  { noun: 'toothbrush', phrases: ['the tool that cleans teeth', 'the tool for clean teeth'] },
  { noun: 'book', phrases: ['the thing people read', 'the thing with many pages'] },
];
