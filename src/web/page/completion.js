/** Names that complete what is being typed. Pure functions. */

/** Names offered at once. */
export const OFFERED = 6;

/**
 * Finds the word before the caret, which a name may complete.
 *
 * @returns {{start: number, word: string, isAt: boolean}} `isAt`: it begins with `@`, which the word leaves out.
 */
export function wordAt(text, caret) {
  const [typed] = /[^\s(]*$/u.exec(text.slice(0, caret));
  const isAt = typed.startsWith('@');
  return { start: caret - typed.length, word: isAt ? typed.slice(1) : typed, isAt };
}

const fold = (text) => text.normalize('NFKC').toLowerCase();

/** Returns the names that begin with a word, in order, without our own. */
export function namesFor(word, names, me) {
  const wanted = fold(word);
  const others = [...names].filter((name) => fold(name) !== fold(me) && fold(name).startsWith(wanted));
  return others.sort((one, other) => one.localeCompare(other));
}

/** Replaces the word from `start` to the caret by a name, and returns text and caret. */
export function complete(text, caret, { start, isAt }, name) {
  const before = text.slice(0, start) + (isAt ? '@' : '') + name;
  const rest = text.slice(caret);
  const mark = start === 0 && !isAt ? ': ' : ' ';
  const behind = rest.startsWith(' ') ? '' : mark;
  const done = before + behind;
  return { text: done + rest, caret: done.length + (behind === '' ? 1 : 0) };
}
