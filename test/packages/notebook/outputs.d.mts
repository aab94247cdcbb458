/** An output of a cell, of one of the notebook format's kinds. */
export interface Output {
  readonly output_type: string;
  readonly name?: string;
  readonly text?: string | readonly string[];
  readonly data?: Readonly<Record<string, unknown>>;
  readonly ename?: string;
  readonly evalue?: string;
}
/** A cell of a notebook. */
export interface Cell {
  readonly cell_type: string;
  readonly source: string | readonly string[];
  readonly outputs?: readonly Output[];
  readonly execution_count?: number | null;
}
/** A notebook file. */
export interface Notebook {
  readonly cells: readonly Cell[];
}
export function textOf(text: string | readonly string[] | undefined): string;
export function shownBy(cell: Pick<Cell, 'outputs'>): string[];
export function sameText(a: string, b: string): boolean;
export function difference(committed: Notebook, fresh: Notebook): string | undefined;
export function committedForm(notebook: Notebook): string;
