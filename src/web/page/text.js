/** What is shown of payloads, names and times. Pure functions. */

/** Bytes of a binary payload that are shown. */
const BINARY_SHOWN = 64;

/** Clocks go round in 12 hours or in 24, as the reader's own language has it; words are English. */
const timeFormat = timeFormatOf(undefined);
const dayFormat = new Intl.DateTimeFormat('en', { weekday: 'long', day: 'numeric', month: 'long' });
const yearFormat = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'long', year: 'numeric' });

/** How IRC writes what somebody does rather than says (CTCP ACTION), and so everybody here. */
const ACTION = /^\u0001ACTION ([^]*?)\u0001?$/u;

/** IRC's formatting: bold, italics, colours and the like. */
const FORMATTING =
  /[\u0002\u000F\u0011\u0016\u001D-\u001F]|\u0003(?:\d{1,2}(?:,\d{1,2})?)?|\u0004(?:[\da-f]{1,6}(?:,[\da-f]{1,6})?)?/giu;

/** What no text has: bytes that are none, and control characters. */
const STRANGE = /[\uFFFD\u0000-\u0008\u000B\u000C\u000E-\u001F]/u;

/** What an IRC client asks another (CTCP); nobody answers here. */
const QUERY = /^\u0001([^\u0001]+)\u0001$/u;

/** A number of things. */
export const count = (number, noun) =>
  `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;

/** What writes the time of the day for readers of a language. */
export function timeFormatOf(locale) {
  const { hourCycle } = new Intl.DateTimeFormat(locale, { hour: 'numeric' }).resolvedOptions();
  const isHalf = hourCycle === 'h12' || hourCycle === 'h11';
  return new Intl.DateTimeFormat('en', {
    hour: isHalf ? 'numeric' : '2-digit', minute: '2-digit', hourCycle: isHalf ? 'h12' : 'h23',
  });
}

/** The time of the day. */
export const clockTime = (time) => timeFormat.format(time);

/** Day and time. */
export const fullTime = (time) => `${yearFormat.format(time)}, ${timeFormat.format(time)}`;

/** A day's midnight, by which days are told apart. */
export const dayOf = (time) => new Date(time).setHours(0, 0, 0, 0);

/** What people call a day. */
export function dayName(time, now) {
  const days = Math.round((dayOf(now) - dayOf(time)) / 86_400_000);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return (days < 300 ? dayFormat : yearFormat).format(time);
}

/** A name's colour, as an angle of the colour wheel: one of 24, so that neighbours differ. */
export function hueOf(name) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name.toLowerCase())) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return ((hash >>> 8) % 24) * 15;
}

/** A name's first character, as people see characters. */
export function initialOf(name) {
  const [first] = new Intl.Segmenter().segment(name);
  return first?.segment.toUpperCase() ?? '?';
}

/** A payload as it came, but that what people say or do in IRC is text, without its formatting. */
export function payloadOf({ text, base64 }) {
  if (base64 === undefined) return { text };
  const plain = new TextDecoder().decode(bytesOf(base64)).replace(FORMATTING, '');
  const [, action = plain] = ACTION.exec(plain) ?? [];
  return action === '' || STRANGE.test(action) ? { base64 } : { text: plain };
}

/** Whether a text names somebody, as a word of its own. */
export function mentions(text, name) {
  if (!text || !name) return false;
  const isPartOfWord = (character) => character !== undefined && /[\p{L}\p{N}_]/u.test(character);
  const [where, what] = [text.toLowerCase(), name.toLowerCase()];
  for (let at = where.indexOf(what); at >= 0; at = where.indexOf(what, at + 1)) {
    if (!isPartOfWord(where[at - 1]) && !isPartOfWord(where[at + what.length])) return true;
  }
  return false;
}

/**
 * What a payload looks like.
 *
 * @param {{text?: string, base64?: string}} payload
 * @returns {{text: string, note?: string, isBytes?: boolean, isAction?: boolean}} `note` says what is
 *   special. An action is what the sender does, without the sender's name.
 */
export function shown({ text, base64 }) {
  if (base64 === undefined) {
    const [, action] = ACTION.exec(text) ?? [];
    if (action) return { text: inCarets(action), isAction: true };
    const line = text.replace(/\r?\n$/u, '');
    return line === '' ? { text: '', note: 'empty message' } : { text: line };
  }
  const bytes = bytesOf(base64);
  const size = count(bytes.length, 'byte');
  const lenient = new TextDecoder().decode(bytes);
  const [, query] = QUERY.exec(lenient) ?? [];
  if (query) return { text: `CTCP ${inCarets(query)}`, note: 'asked by an IRC client' };
  const strange = lenient.match(/[\uFFFD\u0000-\u0008\u000B-\u001F]/gu)?.length ?? 0;
  if (strange <= lenient.length / 4) {
    return { text: inCarets(lenient.replace(/\r?\n$/u, '')), note: `not plain text, ${size}` };
  }
  const hex = [...bytes.subarray(0, BINARY_SHOWN)].map((it) => it.toString(16).padStart(2, '0'));
  const more = bytes.length > BINARY_SHOWN ? ' …' : '';
  return { text: hex.join(' ') + more, note: `binary, ${size}`, isBytes: true };
}

const bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

/** Control characters as terminals show them: `^[` for escape. */
const inCarets = (text) =>
  text.replace(/[\u0000-\u0008\u000B-\u001F]/gu, (character) =>
    `^${String.fromCodePoint(0x40 + character.codePointAt(0))}`);
