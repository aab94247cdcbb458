import type { Group, Try } from '../messages.js';
import { byId, el } from './dom.js';
import { fixed, percent, signed } from './format.js';

/** Tokens of a picture's side. */
const GRID = 8;
/** Between two tokens of a replay. */
const TOKEN_MS = 45;

/** The part of the page that shows the tries of the prompt. */
export interface GroupView {
  show(group: Group, title: string): void;
  /** A row of small pictures to compare with: what the base model makes of the prompt. */
  showBase(group: Group): void;
  /** Draws the pictures again, one token after the other. */
  replay(): void;
  /** Lays over each token how sure the model was of it. */
  showCertainty(on: boolean): void;
}

/** Fills the section `#group`. */
export function groupView(): GroupView {
  const cards = byId('cards');
  let shown: readonly Try[] = [];
  let certainty = false;
  let playing = 0;

  const canvases = (): HTMLCanvasElement[] => [...cards.querySelectorAll('canvas')];
  const paintAll = (tokens = GRID * GRID): void => {
    canvases().forEach((canvas, i) => {
      const tried = shown[i];
      if (tried) paint(canvas, tried, tokens, certainty);
    });
  };
  return {
    show({ prompt, tries, mean, std, heldOut }, title) {
      cancelAnimationFrame(playing);
      shown = tries;
      byId('group-title').textContent = title;
      byId('group-note').replaceChildren(
        `“${prompt}” · ${tries.filter(({ accepted }) => accepted).length} of ${tries.length} tries exactly right · mean reward ${fixed(mean)} ± ${fixed(std)}`,
        heldOut.length > 0
          ? el('span', { class: 'tag', title: heldOutTitle(heldOut) }, 'never seen in pre-training')
          : '',
      );
      if (cards.childElementCount === tries.length) {
        tries.forEach((tried, i) => void update(cards.children[i] as HTMLElement, tried, i));
      } else
        cards.replaceChildren(
          ...tries.map((tried, i) =>
            update(el('li', { class: 'slot' }, el('div', { class: 'card' })), tried, i),
          ),
        );
      paintAll();
    },
    showBase({ tries }) {
      const accepted = tries.filter((tried) => tried.accepted).length;
      const row = byId('base');
      row.hidden = false;
      row.replaceChildren(
        el('span', { class: 'note' }, `Base model: ${accepted} of ${tries.length} exactly right`),
        ...tries.map((tried, i) => {
          const canvas = el('canvas', {
            role: 'img',
            title: tried.plan,
            'aria-label': `Picture ${i + 1} of the base model. Its plan: ${tried.plan}.`,
          });
          paint(canvas, tried, GRID * GRID, false);
          return canvas;
        }),
      );
    },
    replay() {
      cancelAnimationFrame(playing);
      const begun = performance.now();
      const frame = (now: number): void => {
        const tokens = Math.floor((now - begun) / TOKEN_MS);
        paintAll(Math.min(tokens, GRID * GRID));
        if (tokens < GRID * GRID) playing = requestAnimationFrame(frame);
      };
      playing = requestAnimationFrame(frame);
    },
    showCertainty(on) {
      certainty = on;
      paintAll();
    },
  };
}

const heldOutTitle = (compositions: readonly string[]): string =>
  `Held out: ${compositions.join(', ')}. No picture of pre-training showed that.`;

function paint(canvas: HTMLCanvasElement, tried: Try, tokens: number, certainty: boolean): void {
  const { side, pixels, tokenProbabilities } = tried;
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const context = canvas.getContext('2d');
  if (!context) return;
  context.putImageData(new ImageData(pixels, side, side), 0, 0);
  const patch = side / GRID;
  for (let i = 0; i < GRID * GRID; i++) {
    const [x, y] = [(i % GRID) * patch, Math.floor(i / GRID) * patch];
    if (i >= tokens) {
      context.fillStyle = i === tokens ? '#6b4fd0' : '#d9d8e2';
      context.fillRect(x, y, patch, patch);
    } else if (certainty) {
      const doubt = 1 - (tokenProbabilities[i] ?? 1);
      context.fillStyle = `rgb(214 48 49 / ${(0.75 * doubt).toFixed(3)})`;
      context.fillRect(x, y, patch, patch);
    }
  }
}

function update(slot: HTMLElement, tried: Try, index: number): HTMLElement {
  const card = slot.firstElementChild as HTMLElement;
  const { plan, words, rewards, total, advantage, accepted } = tried;
  const picture = card.querySelector('canvas') ?? el('canvas', { width: tried.side, height: tried.side });
  picture.setAttribute('role', 'img');
  picture.setAttribute(
    'aria-label',
    `Picture ${index + 1}. Its plan: ${plan}. ${accepted ? 'Exactly what was asked for' : 'Not what was asked for'}.`,
  );
  const verdict = Math.abs(advantage) < 0.005 ? 'no lesson' : advantage > 0 ? 'more of this' : 'less of this';
  const sign = Math.abs(advantage) < 0.005 ? 'flat' : advantage > 0 ? 'up' : 'down';
  card.dataset.sign = sign;
  card.replaceChildren(
    picture,
    el(
      'p',
      { class: 'plan', 'aria-label': `Plan: ${plan}` },
      ...words.map(({ word, probability }) =>
        el(
          'span',
          {
            class: word === 'end' ? 'word end' : 'word',
            title: `“${word}”: drawn with probability ${percent(probability)}`,
            style: `--sure:${probability.toFixed(3)}`,
          },
          word,
        ),
      ),
    ),
    el(
      'dl',
      { class: 'rewards' },
      ...Object.entries(rewards).flatMap(([name, value]) => [
        el('dt', {}, name),
        el(
          'dd',
          { title: value === null ? `${name} has nothing to say about this prompt` : undefined },
          el('span', { class: 'meter', style: `--value:${value ?? 0}` }),
          el('span', { class: 'figure' }, value === null ? 'abstains' : fixed(value)),
        ),
      ]),
      el('dt', { class: 'judge' }, 'judge'),
      el(
        'dd',
        {
          class: accepted ? 'judge yes' : 'judge no',
          title: 'The judge only watches; nothing is trained on what it says',
        },
        accepted ? '✓ exactly right' : '✗ not right',
      ),
    ),
    el(
      'p',
      { class: 'sum' },
      el('span', { title: 'Weighted sum of the rewards' }, 'reward ', el('strong', {}, fixed(total))),
      el(
        'span',
        { class: `advantage ${sign}`, title: `Advantage ${signed(advantage)}: ${verdict}` },
        `${sign === 'up' ? '▲' : sign === 'down' ? '▼' : '■'} ${signed(advantage)}`,
        el('small', {}, ` ${verdict}`),
      ),
    ),
  );
  return slot;
}
