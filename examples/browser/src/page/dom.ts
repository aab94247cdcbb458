/** What an element may be given besides its children: properties by name, `data-…` and `aria-…` as attributes. */
type Given = Readonly<Record<string, unknown>>;
/** Children of an element; nothing for what is left out. */
export type Child = Node | string | number | undefined | false;

/** Makes an element. */
export function el<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  given: Given = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  assign(made, given);
  made.append(...children.filter(isThere).map(asNode));
  return made;
}

const SVG = 'http://www.w3.org/2000/svg';

/** Makes an element of SVG; all that is given are attributes. */
export function svg<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  given: Readonly<Record<string, string | number>> = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Name] {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(given)) made.setAttribute(key, String(value));
  made.append(...children.filter(isThere).map(asNode));
  return made;
}

/**
 * The element of an id.
 * @throws Error if the page has none, which is a slip in index.html
 */
export function byId<E extends HTMLElement = HTMLElement>(id: string): E {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no element #${id}.`);
  return found as E;
}

function isThere(child: Child): child is Node | string | number {
  return child !== undefined && child !== false;
}

const asNode = (child: Node | string | number): Node | string =>
  typeof child === 'number' ? String(child) : child;

function assign(made: HTMLElement, given: Given): void {
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || value === false) continue;
    if (key.includes('-') || key === 'role' || key === 'for') made.setAttribute(key, String(value));
    else Object.assign(made, { [key === 'class' ? 'className' : key]: value });
  }
}
