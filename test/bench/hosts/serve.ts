import { createInterface } from 'node:readline';
import { peakMegabytes } from './memory.js';
import {
  type Answers,
  type Hello,
  type OpenRequest,
  type OpenVariant,
  type Request,
  variantKey,
} from './protocol.js';

/** A variant and how to run it. */
export interface RunnableVariant extends OpenVariant {
  /** What must happen before, outside of the timing (kernels are switched here). */
  readonly before?: () => Promise<void> | void;
  /** Must not return before the result is computed. */
  readonly run: () => Promise<void>;
}

/** A task that was opened. */
export interface Session {
  readonly variants: readonly RunnableVariant[];
  dispose(): void | Promise<void>;
}

/** What a process does. */
export interface Service {
  hello(): Promise<Hello>;
  open(request: OpenRequest): Promise<Session>;
}

/** Answers requests from stdin until it ends. Nothing else may be printed to stdout. */
export async function serve(service: Service): Promise<void> {
  console.log = console.error;
  const sessions: Session[] = [];
  for await (const line of createInterface({ input: process.stdin })) {
    let answer: object;
    try {
      answer = { result: await respond(JSON.parse(line) as Request, service, sessions) };
    } catch (error) {
      answer = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  for (const session of sessions) await session.dispose();
}

async function respond(
  request: Request,
  service: Service,
  sessions: Session[],
): Promise<Answers[keyof Answers]> {
  switch (request.call) {
    case 'hello':
      return service.hello();
    case 'open': {
      const session = await service.open(request);
      sessions.push(session);
      const variants = session.variants.map(({ before: _, run: __, ...open }) => open);
      return { session: sessions.length - 1, variants };
    }
    case 'time': {
      const variants = sessions[request.session]?.variants ?? [];
      const found = variants.find((variant) => variantKey(variant) === request.variant);
      if (!found) throw new Error(`There is no variant '${request.variant}'.`);
      return { ms: await time(found, request.repeats) };
    }
    case 'close':
      await sessions[request.session]?.dispose();
      sessions[request.session] = { variants: [], dispose() {} };
      return {};
    case 'peak':
      return { megabytes: peakMegabytes() };
  }
}

/** Milliseconds of one run. */
async function time({ before, run }: RunnableVariant, repeats: number): Promise<number> {
  await before?.();
  const start = performance.now();
  for (let i = 0; i < repeats; i++) await run();
  return (performance.now() - start) / repeats;
}
