import { BicotError } from '../../errors.js';
import { assertKnownOptions } from '../../options.js';
import type { RewardFunction } from '../reward.js';
import type { RuleRow } from '../rules.js';
import { type DetectionRewardOptions, detectionReward } from './detection-reward.js';
import type { Detector } from './detector.js';
import { type ImageTextSimilarityOptions, imageTextSimilarity } from './image-text-similarity.js';
import { judgeReward } from './judge-reward.js';
import type { Loaded } from './lazy-model.js';
import { type ObjectDetectionOptions, objectDetection } from './object-detection.js';
import { type QuestionRow, questionReward } from './question-reward.js';
import { type T2iR1Deviation, type T2iR1Member, t2iR1Deviations } from './t2i-r1-deviations.js';
import { type YesNoModel, type YesNoModelOptions, yesNoModel } from './yes-no-model.js';

/** A row of T2I-R1's file, as `parsePromptRows` reads it. */
export interface T2iR1Row extends RuleRow, QuestionRow {
  /** What the picture as a whole is compared with and judged by. */
  readonly prompt: string;
  /** What kind of prompt it is, as in `PromptRow`. */
  readonly task_type: string;
  /** What the detector looks for, and what is asked about where there are no `attr_nouns`. */
  readonly nouns: readonly string[];
}

/**
 * The models of the four rewards: each is made here from options, or was made by the caller. What is made here is freed by
 * `dispose`.
 */
export interface T2iR1RewardsOptions {
  /** In place of HPSv2: options of `imageTextSimilarity`, or a reward. */
  readonly similarity: ImageTextSimilarityOptions<T2iR1Row> | RewardFunction<T2iR1Row>;
  /** What finds objects: options of `objectDetection`, or a detector. */
  readonly detector: ObjectDetectionOptions | Detector;
  /** In place of GIT: options of `yesNoModel`, or a model. */
  readonly question: YesNoModelOptions | YesNoModel;
  /** In place of ORM. Default: the model of `question`, which is loaded once; so are two that have the same options. */
  readonly judge?: YesNoModelOptions | YesNoModel;
  /** Options of the rules on detections. Default: the corrected rules. */
  readonly rules?: DetectionRewardOptions<T2iR1Row>['rules'];
}

/** The four rewards as members of an ensemble. */
export interface T2iR1Rewards extends Loaded {
  /** For `rewardEnsemble`, weights 1 as in the paper: an unweighted sum. */
  readonly members: Readonly<
    Record<
      T2iR1Member,
      {
        /** Its model is freed by `dispose`, unless the caller made it. */
        readonly reward: RewardFunction<T2iR1Row>;
        /** 1: what each counts in the sum. */
        readonly weight: number;
      }
    >
  >;
  /** What is not as in the paper, and what that changes; `formatDeviations` writes it out. */
  readonly deviations: readonly T2iR1Deviation[];
}

const WHERE = 't2iR1Rewards';
const SOURCES = ['similarity', 'detector', 'question'] as const;

/** Whether both would load the same, with the same options. */
function sameModel(a: YesNoModelOptions, b: YesNoModelOptions): boolean {
  const plain = ({ template, transformers, ...source }: YesNoModelOptions): string =>
    JSON.stringify(Object.entries(source).sort(([x], [y]) => (x < y ? -1 : 1)));
  return plain(a) === plain(b) && a.template === b.template && a.transformers === b.transformers;
}

/**
 * The four rewards of T2I-R1 (arXiv 2505.00703), as far as models exist for them in ONNX: HPSv2 by a CLIP, Grounding DINO with
 * the corrected rules, GIT and ORM by a vision-language model. Two of them are not the paper's models and none has all of its
 * behaviour: `deviations` says what differs.
 *
 * Models load with the first call. Members may be changed before they go into `rewardEnsemble`: their weights, or limits of time
 * and retries.
 * @returns who made it disposes it, which frees the models that were made here
 * @throws BicotError `value` for options
 */
export function t2iR1Rewards(options: T2iR1RewardsOptions): T2iR1Rewards {
  assertKnownOptions(WHERE, options, [...SOURCES, 'judge', 'rules']);
  for (const name of SOURCES) requireSource(name, options[name]);
  if (options.judge !== undefined) requireSource('judge', options.judge);
  const { question, judge = question, rules } = options;
  const owned: Loaded[] = [];
  const own = <Model extends Loaded>(model: Model): Model => {
    owned.push(model);
    return model;
  };

  const similarity =
    typeof options.similarity === 'function'
      ? options.similarity
      : own(imageTextSimilarity<T2iR1Row>(options.similarity));
  const detector =
    typeof options.detector === 'function' ? options.detector : own(objectDetection(options.detector));
  const asked = typeof question === 'function' ? question : own(yesNoModel(question));
  const judging = ((): YesNoModel => {
    if (typeof judge === 'function') return judge;
    return typeof question !== 'function' && sameModel(question, judge) ? asked : own(yesNoModel(judge));
  })();

  return {
    members: {
      hps: { reward: similarity, weight: 1 },
      git: { reward: questionReward<T2iR1Row>({ model: asked }), weight: 1 },
      gdino: {
        reward: detectionReward<T2iR1Row>({ detector, ...(rules !== undefined && { rules }) }),
        weight: 1,
      },
      orm: { reward: judgeReward<T2iR1Row>({ model: judging }), weight: 1 },
    },
    deviations: t2iR1Deviations((rules as { readonly reference?: unknown } | undefined)?.reference === true),
    async dispose() {
      await Promise.all(owned.map((model) => model.dispose()));
    },
  };
}

function requireSource(name: string, source: unknown): void {
  if (typeof source === 'function' || (typeof source === 'object' && source !== null)) return;
  throw new BicotError(
    'value',
    `${WHERE}: ${name} is ${String(source)}, but must be { model: … } with a name on the Hugging Face hub or a folder, or a function.`,
  );
}
