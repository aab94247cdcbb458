import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { PAGE_SCRIPT, PAGE_STYLE } from './bundle/page.js';
import type { ReportData } from './report-data.js';

/**
 * The page of a report: one HTML file with everything in it. Whatever a run says is data: it stands in a block of JSON and
 * is shown as text. Only the scripts whose hashes the page names run in it, and it may load nothing.
 */
export function reportHtml(data: ReportData): string {
  const scripts = [plotting().script, PAGE_SCRIPT].map(inScript);
  const style = `${plotting().style}\n${PAGE_STYLE}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy(scripts, style, data.live)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>${text(data.title)} – bicot report</title>
<style>${style}</style>
</head>
<body>
<noscript><p>This report needs JavaScript, all of which is in this file.</p></noscript>
<div id="report"></div>
<script type="application/json" id="data">${inData(data)}</script>
${scripts.map((script) => `<script>${script}</script>`).join('\n')}
</body>
</html>
`;
}

/** What a page may do: run these scripts, look like this, show pictures; a live one asks its own server. */
function policy(scripts: readonly string[], style: string, live: boolean): string {
  const hash = (source: string) => `'sha256-${createHash('sha256').update(source).digest('base64')}'`;
  return [
    "default-src 'none'",
    `script-src ${scripts.map(hash).join(' ')}`,
    `style-src ${hash(style)}`,
    `img-src data:${live ? " 'self'" : ''}`,
    ...(live ? ["connect-src 'self'"] : []),
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

let read: { readonly script: string; readonly style: string } | undefined;

/** uPlot as its package ships it. */
function plotting(): { readonly script: string; readonly style: string } {
  if (read) return read;
  const { resolve } = createRequire(import.meta.url);
  const file = (name: string) => readFileSync(resolve(`uplot/dist/${name}`), 'utf8');
  read = { script: file('uPlot.iife.min.js'), style: file('uPlot.min.css') };
  return read;
}

/** JSON that no HTML parser can see the end of its block in. */
export const inData = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c');

/** The same for a script, where only these may not stand. */
const inScript = (script: string): string => script.replace(/<(?=\/script|!--|script)/gi, '\\x3c');

const text = (value: string): string =>
  value.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
