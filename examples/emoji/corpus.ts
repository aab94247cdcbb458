import { type PromptRow, type UniformStream, uniformInteger, uniformStream } from 'bicot';
import type { TaskType } from './forms.js';
import { habitualScene } from './habit.js';
import { heldOutOf, isHeldOut } from './holdout.js';
import { honestScene, stockScene } from './layout.js';
import { type NoiseRates, slippedScene, sloppyScene } from './noise.js';
import { planOf } from './plan.js';
import { drawRow } from './prompts.js';
import { isMet, type Requirement, specOf } from './requirement.js';
import type { Scene } from './scene.js';
import { DEMO_WORLD, type World } from './world.js';

/** One captioned picture of the pre-training corpus. */
export interface CorpusExample {
  readonly row: PromptRow;
  /** Describes `planned`. */
  readonly plan: string;
  /** What whoever drew it had in mind. */
  readonly planned: Scene;
  /** What was drawn. */
  readonly scene: Scene;
  /** How the planned scene came about. */
  readonly noise: 'none' | 'stock' | 'sloppy';
  /** How many objects were not drawn as planned. */
  readonly slips: number;
}

/** The scene in mind: a stock photo, a sloppy one, or a uniformly random one that meets the prompt. */
export function plannedScene(
  requirement: Requirement,
  rates: NoiseRates,
  stream: UniformStream,
): { readonly scene: Scene; readonly noise: CorpusExample['noise'] } {
  if (stream() < rates.stock) return { scene: stockScene(requirement), noise: 'stock' };
  const honest = honestScene(requirement, stream);
  if (stream() < rates.sloppy) {
    const { scene } = sloppyScene(requirement, honest, stream);
    // A mistake must not give away a composition that is held out.
    if (!isHeldOutScene(scene)) return { scene, noise: 'sloppy' };
  }
  return { scene: honest, noise: 'none' };
}

const isHeldOutScene = (scene: Scene): boolean => heldOutOf(kindsOf(scene)).length > 0;

function kindsOf(scene: Scene): Requirement['wanted'] {
  const kinds = new Map<string, Requirement['wanted'][number]>();
  for (const { noun, color } of scene.objects) {
    const key = `${color} ${noun}`;
    kinds.set(key, { noun, color, count: (kinds.get(key)?.count ?? 0) + 1 });
  }
  return [...kinds.values()];
}

/**
 * The next example of the endless corpus: no held-out composition, the kinds of prompts equally often.
 * @param stream e.g. `uniformStream('emoji', 'corpus', seed)`; the same stream gives the same corpus
 * @param tasks the kinds; one that is there twice comes twice as often. Default: the world's
 */
export function corpusExample(
  stream: UniformStream,
  rates: NoiseRates = DEMO_WORLD.noise,
  world: World = DEMO_WORLD,
  tasks: readonly TaskType[] = world.tasks,
): CorpusExample {
  const task = tasks[uniformInteger(stream, tasks.length)] as TaskType;
  const row = drawRow(task, stream, world, (drawn) => !isHeldOut(drawn));
  const { scene: planned, noise } = plannedScene(specOf(row), rates, stream);
  const intended = rates.habit && stream() < rates.habit ? habitualScene(planned) : planned;
  const slipped = slippedScene(intended, rates.slip, stream);
  // Nor must a slip (three left of four) show one.
  const { scene, slips } = isHeldOutScene(slipped.scene) ? { scene: planned, slips: 0 } : slipped;
  return { row, plan: planOf(planned), planned, scene, noise, slips };
}

/** Shares of a sample of the corpus. */
export interface CorpusReport {
  readonly stock: number;
  readonly sloppy: number;
  /** Objects that slipped, of all planned objects. */
  readonly slips: number;
  /** Captions whose plan does not meet the prompt. */
  readonly wrongPlans: number;
  /** Captions whose drawn scene does not meet the prompt. */
  readonly wrongPictures: number;
  /** The same for each kind of prompt. */
  readonly wrongByTask: Readonly<Record<TaskType, number>>;
}

/** Measures how wrong the corpus is, on scenes (not pixels). */
export function measureCorpus(
  count: number,
  seed: number,
  rates: NoiseRates = DEMO_WORLD.noise,
  world: World = DEMO_WORLD,
): CorpusReport {
  const stream = uniformStream('emoji', 'corpus', seed);
  const examples = Array.from({ length: count }, () => corpusExample(stream, rates, world));
  const share = (list: readonly CorpusExample[], test: (example: CorpusExample) => boolean): number =>
    list.filter(test).length / Math.max(1, list.length);
  const isWrong = ({ row, scene }: CorpusExample): boolean => !isMet(specOf(row), scene);
  const objects = examples.reduce((sum, { planned }) => sum + planned.objects.length, 0);
  const byTask = (task: TaskType) =>
    share(
      examples.filter(({ row }) => row.task_type === task),
      isWrong,
    );
  return {
    stock: share(examples, ({ noise }) => noise === 'stock'),
    sloppy: share(examples, ({ noise }) => noise === 'sloppy'),
    slips: examples.reduce((sum, { slips }) => sum + slips, 0) / objects,
    wrongPlans: share(examples, ({ row, planned }) => !isMet(specOf(row), planned)),
    wrongPictures: share(examples, isWrong),
    wrongByTask: Object.fromEntries(world.tasks.map((task) => [task, byTask(task)])) as Record<
      TaskType,
      number
    >,
  };
}
