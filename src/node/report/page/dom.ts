/** What an element may be given: a listener, a flag or a text for an attribute. */
type Given = string | number | boolean | undefined | ((event: Event) => void);
type Child = Node | string | undefined | false;

/**
 * Makes an element. Texts become text nodes, never markup: what a run says can't be more than words.
 * @param given attributes; `onclick` and the like are listeners; `true` sets a flag, `false` and undefined nothing
 */
export function h<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  given: Readonly<Record<string, Given>> = {},
  ...children: readonly (Child | readonly Child[])[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (typeof value === 'function') element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, '');
    else if (value !== undefined && value !== false) element.setAttribute(key, String(value));
  }
  element.append(...children.flat().filter((child): child is Node | string => !!child || child === ''));
  return element;
}

/** A table in a box of its own that scrolls sideways, by keys too. */
export function scrollingTable(label: string, table: HTMLTableElement): HTMLElement {
  return h('div', { class: 'scroll', role: 'region', 'aria-label': label, tabindex: 0 }, table);
}

/** What a page remembers; a file on the disk may not be allowed to. */
export const memory = {
  get(key: string): string | null {
    try {
      return localStorage.getItem(`bicot-${key}`);
    } catch {
      return null;
    }
  },
  set(key: string, value: string): void {
    try {
      localStorage.setItem(`bicot-${key}`, value);
    } catch {
      // It is as it was when the page is opened again.
    }
  },
};
