/**
 * The public surface of every entry point, written down by API Extractor in docs/api-report/, so that a change of it shows in
 * review:
 *
 *     npm run api               compares the reports with dist/ (run `npm run build` before); exits with 1 where they differ
 *     npm run api -- --write    writes them, and notes the version beside every name that is new (since.json)
 *
 * Prints one `ok` or `not ok` line per entry point.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { teller } from '../tell.mjs';
import { entryPoints, readJson, root } from './package.mjs';

const { Extractor, ExtractorConfig } = createRequire(import.meta.url)('@microsoft/api-extractor');

const REPORTS = join(root, 'docs/api-report');
const SINCE = fileURLToPath(new URL('since.json', import.meta.url));
const HINT = 'if the change is meant, run `npm run api -- --write` and describe it in a changeset';

/** `bicot/models/janus` is in bicot-models-janus.api.md. */
const reportName = (specifier) => `${specifier.replaceAll('/', '-')}.api.md`;

/** Analyses one entry point's declarations, and gives its report. */
function analyse({ specifier, types }, scratch) {
  const reportFileName = reportName(specifier);
  const messages = [];
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: join(root, types),
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'es2022',
            lib: ['es2022', 'dom'],
            types: ['node'],
            module: 'esnext',
            ...PATHS,
          },
          files: [join(root, types)],
        },
        skipLibCheck: true,
      },
      apiReport: {
        enabled: true,
        reportFileName,
        reportFolder: scratch,
        reportTempFolder: join(scratch, 'temp'),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        // What is public is decided by the entry points, so there are no release tags. TypeDoc checks the comments, and that
        // the types which a public name mentions are public too, in this entry or in another.
        extractorMessageReporting: { default: { logLevel: 'none' } },
        tsdocMessageReporting: { default: { logLevel: 'none' } },
      },
    },
  });
  const { succeeded } = Extractor.invoke(config, {
    localBuild: true,
    typescriptCompilerFolder: join(root, 'node_modules/typescript'),
    messageCallback(message) {
      if (message.logLevel === 'error') messages.push(message.text);
      message.handled = true;
    },
  });
  if (!succeeded) throw new Error(`${specifier}: ${messages.join('; ')}`);
  // The release tag that API Extractor assumes says nothing here.
  return readFileSync(join(scratch, reportFileName), 'utf8').replaceAll(
    /^\/\/ @public( \(undocumented\))?\n/gm,
    '',
  );
}

/** Not `node10`, which does not read the `exports` of what the declarations import. */
const PATHS = { moduleResolution: 'bundler', skipLibCheck: true, strict: true };

/** The names in a report: `export function train`, `export { x }`. */
function namesIn(report) {
  const declared = [
    ...report.matchAll(
      /^export (?:declare )?(?:abstract )?(?:function|const|let|class|interface|type|enum) (\w+)/gm,
    ),
  ].map((found) => found[1]);
  const listed = [...report.matchAll(/^export \{ ([^}]*) \}/gm)].flatMap((found) =>
    found[1].split(',').map((name) => name.trim().replace(/^.* as /, '')),
  );
  return [...new Set([...declared, ...listed])].sort();
}

/** The first lines that differ, to read in a log. */
function difference(before, after) {
  const [old, now] = [before, after].map((text) => text.split('\n'));
  const [gone, come] = [old.filter((line) => !now.includes(line)), now.filter((line) => !old.includes(line))];
  return [...gone.map((line) => `  - ${line}`), ...come.map((line) => `  + ${line}`)].slice(0, 20).join('\n');
}

const readOr = (path, otherwise) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
};

/** Every name with the version that it came in, those of before as they were. */
function sinceOf(names, before, version) {
  return Object.fromEntries(
    Object.entries(names).map(([specifier, of]) => [
      specifier,
      Object.fromEntries(of.map((name) => [name, before[specifier]?.[name] ?? version])),
    ]),
  );
}

const write = process.argv.includes('--write');
const { version } = readJson('package.json');
const scratch = mkdtempSync(join(root, 'dist/api-report-'));
const names = {};
const tell = teller('API');
const say = (wrong, name, more) => tell.say(wrong ? 'not ok' : 'ok', name, more);

try {
  mkdirSync(REPORTS, { recursive: true });
  for (const entry of entryPoints()) {
    const report = analyse(entry, scratch);
    names[entry.specifier] = namesIn(report);
    const path = join(REPORTS, reportName(entry.specifier));
    const before = readOr(path, '');
    const count = `${names[entry.specifier].length} names`;
    if (write) writeFileSync(path, report);
    const wrong = !write && before !== report;
    say(wrong, entry.specifier, wrong ? `its report differs; ${HINT}` : count);
    if (wrong) console.log(difference(before, report));
  }
  const expected = Object.keys(names).map(reportName);
  const strangers = readdirSync(REPORTS).filter(
    (file) => file.endsWith('.api.md') && !expected.includes(file),
  );
  if (write) for (const file of strangers) rmSync(join(REPORTS, file));
  else if (strangers.length > 0) say(true, `reports of no entry point: ${strangers.join(', ')}`);

  const before = JSON.parse(readOr(SINCE, '{}'));
  const since = `${JSON.stringify(sinceOf(names, before, version), null, 1)}\n`;
  if (write) writeFileSync(SINCE, since);
  else {
    const stale = since !== readOr(SINCE, '{}');
    say(stale, 'every name has the version that it came in', stale && HINT);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.exit(tell.failed() === 0 ? 0 : 1);
