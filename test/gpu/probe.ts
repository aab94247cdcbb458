/** Says what a backend is, or why it does not start: `probe.ts BACKEND OPTIONS`. */
import { type StartOptions, startBackend } from '../support/start-backend.js';

const [, , backend = '', options = '{}'] = process.argv;
try {
  const description = await startBackend(backend, JSON.parse(options) as StartOptions);
  process.stdout.write(`${JSON.stringify({ description })}\n`);
} catch (error) {
  process.stdout.write(
    `${JSON.stringify({ error: error instanceof Error ? error.message : String(error) })}\n`,
  );
}
process.exit(0);
