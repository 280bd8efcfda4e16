/** Rules for names, in words for people, with a name that will do in place of one that will not. Pure functions. */

const encoder = new TextEncoder();

/** The most that the relay takes, in UTF-8. */
export const PERSON_BYTES = 64;
export const ROOM_BYTES = 128;

/** Characters that no name has: spaces and commas; invisible ones. */
const APART = /[\s,]+/gu;
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}]/gu;

/** Returns the name that comes nearest to a text. */
export function nearestName(wanted, most = PERSON_BYTES) {
  const name = wanted.trim().normalize('NFC').replace(APART, '_').replace(UNSEEN, '');
  const characters = [...name];
  while (encoder.encode(characters.join('')).length > most) characters.pop();
  return characters.join('');
}

/** True if a text is several words, which no name is. The relay tells what else will not do. */
export const isSeveral = (wanted) => wanted.search(APART) >= 0;

/** Returns the reason why a name will not do, and one that will. */
export function problemOfName(wanted, kind = 'A name') {
  const most = kind === 'A name' ? PERSON_BYTES : ROOM_BYTES;
  const nearest = nearestName(wanted, most);
  const instead = nearest !== '' && nearest !== wanted ? `. ${nearest} would do` : '';
  return `${kind} has no spaces, commas or invisible characters, and is not very long${instead}`;
}

/** Counts the characters of a text beyond a number of bytes of UTF-8. */
export function excessOf(text, most) {
  let excess = encoder.encode(text).length - most;
  if (excess <= 0) return 0;
  let count = 0;
  for (const character of [...text].reverse()) {
    if (excess <= 0) break;
    excess -= encoder.encode(character).length;
    count += 1;
  }
  return count;
}
