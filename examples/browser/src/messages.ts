/** Everything that the page and its worker say to each other. Plain data; pictures and files are handed over. */

/** What a person may change about the training. */
export interface Settings {
  /** G: tries of each prompt. */
  readonly groupSize: number;
  /** Other prompts of the world that each step trains on, besides the one in the box. */
  readonly otherPrompts: number;
  readonly learningRate: number;
  /** β of the KL penalty. */
  readonly klWeight: number;
  /** Updates with each rollout; the clip has something to do from the second on. */
  readonly updatesPerRollout: number;
}

/** Settings that train well here. */
export const DEFAULT_SETTINGS: Settings = {
  groupSize: 8,
  otherPrompts: 3,
  learningRate: 5e-4,
  klWeight: 0.01,
  updatesPerRollout: 1,
};

/** The prompt that is in the box when the page opens. */
export const FIRST_PROMPT = 'a photo of three dogs';

/** TensorFlow.js's backends in a browser. */
export type EngineName = 'webgpu' | 'wasm' | 'cpu';

/** What the training is to run on. */
export interface EngineOptions {
  /** Absent: the best that there is. */
  readonly engine?: EngineName;
  /** Also a WebGPU adapter in software, which is slower than wasm. */
  readonly allowSoftware: boolean;
  /** Threads on wasm. Absent: one a core, if the page may share memory. */
  readonly workers?: number;
}

/** How the worker is to start. */
export interface StartOptions extends EngineOptions {
  readonly prompt: string;
  readonly settings: Settings;
  readonly seed: number;
}

/** What the page asks of the worker. */
export type ToWorker =
  | ({ readonly kind: 'start' } & StartOptions)
  | { readonly kind: 'run' }
  | { readonly kind: 'pause' }
  | { readonly kind: 'step' }
  /** Back to the base model. */
  | { readonly kind: 'reset' }
  | { readonly kind: 'prompt'; readonly text: string }
  | { readonly kind: 'settings'; readonly settings: Settings }
  | { readonly kind: 'save' }
  | { readonly kind: 'load'; readonly name: string; readonly bytes: ArrayBuffer };

/** What the worker tells the page. */
export type FromWorker =
  | ({ readonly kind: 'ready' } & Ready)
  /** What it is doing now, for a line of status. */
  | { readonly kind: 'progress'; readonly text: string; readonly fraction: number }
  | { readonly kind: 'mode'; readonly mode: Mode; readonly steps: number }
  /** What the base model makes of the prompt in the box, to compare with. */
  | { readonly kind: 'base'; readonly group: Group }
  /** The prompt in the box was drawn without training. */
  | { readonly kind: 'drawn'; readonly group: Group }
  | { readonly kind: 'stepped'; readonly report: StepReport }
  | { readonly kind: 'reset' }
  | { readonly kind: 'saved'; readonly name: string; readonly bytes: ArrayBuffer }
  | { readonly kind: 'loaded'; readonly name: string }
  /** Something that was asked for could not be done, in words; everything is as it was before. */
  | { readonly kind: 'refused'; readonly what: 'prompt' | 'weights'; readonly message: string }
  /** Training stopped, or the worker could not start; in words. */
  | { readonly kind: 'failed'; readonly message: string; readonly fatal: boolean };

/** Whether training goes on. */
export type Mode = 'busy' | 'paused' | 'running' | 'stepping';

/** What the page needs to know once the worker has started. */
export interface Ready {
  readonly engine: { readonly name: EngineName; readonly description: string; readonly workers: number };
  /** All that prompts may speak of. */
  readonly words: Vocabulary;
  /** Numbers of the model. */
  readonly model: {
    readonly parameters: number;
    readonly words: number;
    readonly patches: number;
    readonly imageTokens: number;
  };
  /** Weights of the trained rewards, by name, in their order. */
  readonly rewards: Readonly<Record<string, number>>;
  /** Temperatures that training samples at. */
  readonly temperature: { readonly plan: number; readonly picture: number };
  readonly clip: number;
}

/** The words of the emoji world, by kind. */
export interface Vocabulary {
  readonly nouns: readonly string[];
  readonly tinted: readonly string[];
  readonly colors: readonly string[];
  readonly numbers: readonly string[];
  readonly places: readonly string[];
  readonly riddles: readonly string[];
}

/** A word of a plan. */
export interface PlanWord {
  readonly word: string;
  /** Of the distribution that it was drawn from. */
  readonly probability: number;
}

/** One try. */
export interface Try {
  /** Width and height in pixels. */
  readonly side: number;
  /** `[side, side, 4]`. */
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
  readonly plan: string;
  /** The plan word by word, its end included. */
  readonly words: readonly PlanWord[];
  /** `[imageTokens]`, in reading order: the probability of each drawn token. */
  readonly tokenProbabilities: Float32Array<ArrayBuffer>;
  /** By name; null where a reward abstained. */
  readonly rewards: Readonly<Record<string, number | null>>;
  /** The weighted total; null if it could not be scored. */
  readonly total: number | null;
  readonly advantage: number;
  /** What the judge says, who only watches. */
  readonly accepted: boolean;
}

/** The tries of the prompt in the box. */
export interface Group {
  readonly prompt: string;
  /** Compositions in it that no pre-training ever showed. */
  readonly heldOut: readonly string[];
  readonly tries: readonly Try[];
  /** Of the totals. */
  readonly mean: number;
  readonly std: number;
}

/** One level of a step. */
export interface LevelReport {
  readonly kl: number;
  readonly entropy: number;
  readonly tokens: number;
  readonly meanLength: number;
  readonly maxRatioDeviation: number;
  readonly clipFraction: number;
  readonly gradNorm: number;
}

/** What one training step did. */
export interface StepReport {
  /** From 1. */
  readonly step: number;
  readonly group: Group;
  /** Of all prompts of the step. */
  readonly reward: number;
  /** Share of all pictures of the step that the judge accepts. */
  readonly judge: number;
  readonly levels: { readonly plan: LevelReport; readonly picture: LevelReport };
  readonly samples: number;
  readonly flatGroups: number;
  readonly loss: number;
  readonly gradNorm: number;
  readonly maxGradNorm: number;
  readonly learningRate: number;
  readonly seconds: number;
  readonly tokensPerSecond: number;
  /** What the training monitor found, in words. */
  readonly findings: readonly string[];
  readonly memory: { readonly tensors: number; readonly bytes: number };
}
