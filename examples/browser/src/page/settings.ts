import type { Settings } from '../messages.js';
import { byId, el } from './dom.js';

interface Choice {
  readonly label: string;
  readonly hint: string;
  readonly options: readonly (readonly [value: number, text: string])[];
}

const CHOICES: Readonly<Record<keyof Settings, Choice>> = {
  groupSize: {
    label: 'Group size G',
    hint: 'Tries of each prompt; an advantage compares them.',
    options: [4, 8, 16].map((value) => [value, String(value)] as const),
  },
  otherPrompts: {
    label: 'Other prompts a step',
    hint: 'Drawn from the world’s training prompts. With none, only the prompt in the box is trained on.',
    options: [0, 1, 3, 7].map((value) => [value, String(value)] as const),
  },
  learningRate: {
    label: 'Learning rate',
    hint: 'The demo’s is 5e-4.',
    options: [0, 1e-4, 5e-4, 2e-3].map(
      (value) => [value, value === 0 ? '0' : value.toExponential(0)] as const,
    ),
  },
  klWeight: {
    label: 'KL weight β',
    hint: 'How hard the base model pulls back.',
    options: [0.001, 0.01, 0.1, 1].map((value) => [value, String(value)] as const),
  },
  updatesPerRollout: {
    label: 'Updates per rollout',
    hint: 'From the second on, the policy has moved away from what sampled, and the clip has something to do.',
    options: [1, 2, 4].map((value) => [value, String(value)] as const),
  },
};

/** Fills the form of settings; `changed` gets all of them when one was chosen. */
export function settingsForm(start: Settings, changed: (settings: Settings) => void): void {
  let settings = start;
  const form = byId<HTMLFormElement>('settings-form');
  form.addEventListener('submit', (event) => event.preventDefault());
  const opener = byId('settings-open');
  opener.addEventListener('click', () => {
    form.hidden = !form.hidden;
    opener.setAttribute('aria-expanded', String(!form.hidden));
  });
  for (const name of Object.keys(CHOICES) as (keyof Settings)[]) {
    const { label, hint, options } = CHOICES[name];
    // The address may have asked for a value that is not offered.
    const offered = options.some(([value]) => value === start[name])
      ? options
      : [...options, [start[name], String(start[name])] as const];
    const select = el('select', { id: `set-${name}`, name, 'aria-describedby': `hint-${name}` });
    select.append(
      ...offered.map(([value, text]) =>
        el('option', { value: String(value), selected: value === start[name] }, text),
      ),
    );
    select.addEventListener('change', () => {
      settings = { ...settings, [name]: Number(select.value) };
      changed(settings);
    });
    form.append(
      el(
        'div',
        { class: 'field' },
        el('label', { for: select.id }, label),
        select,
        el('small', { id: `hint-${name}` }, hint),
      ),
    );
  }
}
