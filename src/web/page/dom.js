/** The little of the DOM's vocabulary that the views share. */

const SVG = 'http://www.w3.org/2000/svg';

/** The element of the page with that id. */
export const byId = (id) => document.getElementById(id);

/**
 * A new element. Properties that are functions are listeners; false and undefined leave out an
 * attribute. Strings become text, never markup.
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** One of the icons drawn at the top of the page. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#icon-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  svg.append(use);
  return svg;
}

/** The number that keys of an input method have. */
const COMPOSING_KEY = 229;

/** True if a key belongs to an input method: Enter, too, where it chooses a word. Safari says so by its number alone. */
export const isComposing = (event) => event.isComposing || event.keyCode === COMPOSING_KEY;

/** Has a form not sent by the key that chooses a word. */
export function composes(form) {
  form.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && isComposing(event)) event.preventDefault();
  });
}

/** Gives a parent exactly these children, in order, and moves none that need not be moved. */
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let next = parent.firstElementChild;
  for (const child of children) {
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  }
}

/** Sets a text only if it is another, so that nothing is announced twice. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
