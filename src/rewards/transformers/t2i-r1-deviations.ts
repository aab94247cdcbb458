/** The names of T2I-R1's rewards, in the order of its script. */
export type T2iR1Member = 'hps' | 'git' | 'gdino' | 'orm';

/** One way in which a reward is not the paper's. */
export interface T2iR1Deviation {
  /** By its name in T2I-R1's script. */
  readonly member: T2iR1Member;
  /** What T2I-R1 (arXiv 2505.00703; the code at commit 2d9d4d1) does. */
  readonly paper: string;
  /** What is done instead. */
  readonly here: string;
  /** What that changes. */
  readonly effect: string;
}

const MODELS: readonly T2iR1Deviation[] = [
  {
    member: 'hps',
    paper:
      'HPSv2.1: a CLIP ViT-H/14 trained on what people prefer; cosine of prompt and picture, in half precision',
    here: 'the cosine by the model that was given as `similarity`',
    effect:
      'a CLIP that was not trained so measures whether the picture fits the text, not whether people like it; the values lie elsewhere. With HPSv2.1 exported to ONNX only the precision differs',
  },
  {
    member: 'git',
    paper: 'GIT-large, trained on VQAv2, is asked "purple elephant?"; one forward pass per question',
    here: 'a general vision-language model is asked "Is there a purple elephant in the image?"; one forward pass per question',
    effect: 'other probabilities from another model; the mean over the questions is the same',
  },
  {
    member: 'git',
    paper: '0 for all rows of the tasks spatial and numeracy, 1 for rows without nouns',
    here: 'abstains for them',
    effect:
      'advantages within a group stay as they are; the mean reward does not depend on how many such rows a batch has',
  },
  {
    member: 'orm',
    paper: 'ORM: a LLaVA-OneVision of 7 billion parameters, trained as a judge of prompts and pictures',
    here: 'a general vision-language model is asked the same question about the whole prompt',
    effect:
      'a weaker judge, the more so the smaller the model is; with the model that also answers for git, both share their errors',
  },
  {
    member: 'orm',
    paper:
      'the answer is drawn at temperature 0.3 with top-k and top-p; any first word but yes or no scores 0, and the probabilities are those after the truncation',
    here: 'the raw logits of the first token, over all ways to write yes and no; nothing is drawn',
    effect:
      'the same picture has the same score, no score is 0 by an unlucky draw, and scores saturate less: they are finer, and closer to each other',
  },
];

const DETECTOR: readonly T2iR1Deviation[] = [
  {
    member: 'gdino',
    paper:
      'Grounding DINO (Swin-T OGC) by its original code: the shorter side of the picture 800 pixels, boxes above 0.3',
    here: 'the detector that was given; grounding-dino-tiny is the same weights in the form of transformers',
    effect: 'with those weights scores at the threshold may differ; another detector finds other things',
  },
  {
    member: 'gdino',
    paper: '1 for rows without nouns',
    here: 'abstains for them',
    effect: 'none for the paper’s data, where every row has nouns',
  },
];

const RULES: readonly T2iR1Deviation[] = [
  {
    member: 'gdino',
    paper: '"above" and "on top of" have no rule: 364 of the 2195 spatial rows score their objects only',
    here: 'they are rules as the others are',
    effect: 'a sixth of the spatial rows is trained on the relation, too',
  },
  {
    member: 'gdino',
    paper: 'distances are compared with 150 pixels where sides are 1, so that "next to" is always fulfilled',
    here: 'distances are fractions of the image’s side',
    effect: '"next to", "near" and "on side of" have to be fulfilled',
  },
  {
    member: 'gdino',
    paper: 'boxes are suppressed as if centre and size were corners: duplicates survive and are counted',
    here: 'boxes are corners before duplicates are suppressed',
    effect: 'counts are counts',
  },
  {
    member: 'gdino',
    paper: 'a wrong count earns 0.2, however wrong it is',
    here: 'max(0, 1 − |found − wanted| / wanted)',
    effect: 'a near miss earns more than a wild one',
  },
  {
    member: 'gdino',
    paper:
      'of nouns of three and more words the first and the last count, and they are never found; one box may be two objects',
    here: 'all words count; a box is one object',
    effect: 'such nouns can be found; the same box for both objects of a relation no longer scores',
  },
  {
    member: 'gdino',
    paper: 'complex rows score their nouns, though 185 of them have a relation',
    here: 'the relation is scored wherever a row has one',
    effect: 'those rows are trained on the relation',
  },
];

/**
 * What `t2iR1Rewards` changes.
 * @param referenceRules whether the rules on detections are the paper's own, slips included
 */
export const t2iR1Deviations = (referenceRules: boolean): readonly T2iR1Deviation[] => [
  ...MODELS,
  ...DETECTOR,
  ...(referenceRules ? [] : RULES),
];

/** Deviations as text to print, a paragraph each. */
export const formatDeviations = (deviations: readonly T2iR1Deviation[]): string =>
  deviations
    .map(
      ({ member, paper, here, effect }) =>
        `${member}\n  paper:  ${paper}\n  here:   ${here}\n  effect: ${effect}`,
    )
    .join('\n\n');
