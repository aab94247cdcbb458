/** What notebooks print, and whether two runs of one printed the same. */

/** A number as it stands in a text. */
const NUMBER = /(?<![\w.])[-−+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w])/gi;
/** Numbers are the same within so much of the larger one, or so much. */
const [RELATIVE, ABSOLUTE] = [0.02, 0.005];

/** A notebook's `source` and `text` are a string or a list of them. */
export const textOf = (text) => (Array.isArray(text) ? text.join('') : (text ?? ''));

/**
 * What a code cell shows, as texts; of pictures only that there is one.
 * @returns one text for what goes to stdout in one go, and one for everything else
 */
export function shownBy(cell) {
  const shown = [];
  for (const output of cell.outputs ?? []) {
    if (output.output_type === 'stream') {
      const begin = `${output.name}: `;
      const text = textOf(output.text);
      if (shown.at(-1)?.startsWith(begin)) shown[shown.length - 1] += text;
      else shown.push(begin + text);
    } else if (output.output_type === 'error') shown.push(`error: ${output.ename} ${output.evalue}`);
    else shown.push(`shown: ${Object.keys(output.data).sort().join(', ')}`);
  }
  return shown;
}

/** Whether two texts have the same words, whatever the space between them, and numbers that are nearly the same. */
export function sameText(a, b) {
  const words = (text) => text.replace(NUMBER, ' # ').replace(/\s+/g, ' ').trim();
  const numbers = (text) => (text.match(NUMBER) ?? []).map((found) => Number(found.replace('−', '-')));
  if (words(a) !== words(b)) return false;
  const others = numbers(b);
  return numbers(a).every((value, i) => {
    const largest = Math.max(Math.abs(value), Math.abs(others[i]));
    return Math.abs(value - others[i]) <= Math.max(ABSOLUTE, RELATIVE * largest);
  });
}

/**
 * The first difference between what a notebook shows as it was committed and what it showed in a fresh run.
 * @returns undefined if there is none
 */
export function difference(committed, fresh) {
  for (const [at, cell] of committed.cells.entries()) {
    if (cell.cell_type !== 'code') continue;
    const [before, after] = [shownBy(cell), shownBy(fresh.cells[at])];
    const place = `cell ${at} (${textOf(cell.source).split('\n')[0].slice(0, 60)})`;
    for (let i = 0; i < Math.max(before.length, after.length); i++) {
      if (before[i] !== undefined && after[i] !== undefined && sameText(before[i], after[i])) continue;
      return `${place}\n  committed ${before[i] ?? 'nothing'}\n  now       ${after[i] ?? 'nothing'}`;
    }
  }
  return undefined;
}

/**
 * An executed notebook as it is committed: neighbouring outputs of one stream joined, ids by position, nothing of the machine
 * that ran it.
 * @returns JSON as Jupyter writes it
 */
export function committedForm(notebook) {
  const cells = notebook.cells.map((cell, i) => {
    const tidy = { ...cell, id: `cell-${i}`, metadata: {}, source: linesOf(textOf(cell.source)) };
    return cell.cell_type === 'code' ? { ...tidy, outputs: joined(cell.outputs) } : tidy;
  });
  const metadata = {
    kernelspec: { display_name: 'TypeScript', language: 'typescript', name: 'tslab' },
    language_info: { file_extension: '.ts', mimetype: 'text/typescript', name: 'typescript' },
  };
  return `${JSON.stringify({ cells, metadata, nbformat: 4, nbformat_minor: 5 }, sorted, 1)}\n`;
}

/** Keys in order, as Jupyter has them. */
const sorted = (_key, value) =>
  value && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

const linesOf = (text) => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];

function joined(outputs) {
  const result = [];
  for (const output of outputs) {
    const last = result.at(-1);
    if (output.output_type === 'stream' && last?.output_type === 'stream' && last.name === output.name) {
      last.text += textOf(output.text);
    } else if (output.output_type === 'stream') result.push({ ...output, text: textOf(output.text) });
    else result.push(output);
  }
  return result.map((output) =>
    output.output_type === 'stream' ? { ...output, text: linesOf(output.text) } : output,
  );
}
