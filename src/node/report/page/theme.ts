import { h, memory } from './dom.js';

const THEMES = ['auto', 'light', 'dark'] as const;

/** A button that goes from what the system wants to light and to dark. @param onChange the colours are others now */
export function themeButton(onChange: () => void): HTMLElement {
  let theme = THEMES.find((name) => name === memory.get('theme')) ?? 'auto';
  const button = h('button', { type: 'button', class: 'quiet', id: 'theme' });
  const system = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => {
    document.documentElement.dataset.theme = theme === 'auto' ? (system.matches ? 'dark' : 'light') : theme;
    button.textContent = `Theme: ${theme}`;
  };
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'auto';
    memory.set('theme', theme);
    apply();
    onChange();
  });
  system.addEventListener('change', () => {
    apply();
    onChange();
  });
  apply();
  return button;
}
