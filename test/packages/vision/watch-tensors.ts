/** Which tensors of transformers.js are left, of those that tokenizers, processors and models gave. */
import type { OnnxLoader, OnnxTensor, TransformersModule } from 'bicot/rewards/transformers';

interface Watch {
  /** The package, with loaders whose results are watched. */
  readonly transformers: TransformersModule;
  /** How many tensors there were. */
  seen(): number;
  /** Names of those that nobody disposed. */
  left(): readonly string[];
}

export function watchTensors(real: TransformersModule): Watch {
  const all: { name: string; disposed: boolean }[] = [];

  const watch = <Result>(result: Result): Result => {
    if (result instanceof Promise) return result.then(watch) as Result;
    for (const [name, value] of Object.entries(result ?? {})) {
      const tensor = value as OnnxTensor | null;
      if (typeof tensor?.dispose !== 'function') continue;
      const entry = { name, disposed: false };
      all.push(entry);
      const dispose = tensor.dispose.bind(tensor);
      tensor.dispose = () => {
        entry.disposed = true;
        dispose();
      };
    }
    return result;
  };
  const watched = <Loaded extends object>({ from_pretrained }: OnnxLoader<Loaded>, loader: object) => ({
    from_pretrained: async (name: string, options?: object) =>
      new Proxy(await from_pretrained.call(loader, name, options), {
        apply: (target, self, inputs) => watch(Reflect.apply(target as never, self, inputs)),
      }),
  });
  const names = [
    'AutoModel',
    'AutoModelForZeroShotObjectDetection',
    'AutoTokenizer',
    'AutoImageProcessor',
  ] as const;
  const loaders = Object.fromEntries(names.map((name) => [name, watched<object>(real[name], real[name])]));
  return {
    transformers: { ...real, ...loaders } as TransformersModule,
    seen: () => all.length,
    left: () => all.filter(({ disposed }) => !disposed).map(({ name }) => name),
  };
}
