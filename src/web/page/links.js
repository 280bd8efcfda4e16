/** Links in messages: to the web, and to rooms. Pure functions. */

/** Links made of one message; the rest of a message of nothing but links stays text. */
const LINKS_MAX = 50;

/**
 * An address of the web, or a room of this relay. Spaces, quotes, CJK punctuation and invisible
 * characters (the controls of writing direction among them) end an address.
 */
const LINK =
  /(?<![\p{L}\p{N}])(?:https?:\/\/|www\.)[^\s<>"`\p{Cc}\p{Cf}、。，．；：！？「」『』（）【】《》〈〉〔〕“”‘’｡｢｣､]+|(?<![\p{L}\p{N}_/&#.?=-])#(?=[\p{N}_-]*\p{L})[\p{L}\p{N}\p{M}_-]+/giu;

/** Letters of other alphabets that look like Latin ones, or nearly so. */
const LOOK_ALIKES = {
  Cyrillic: /^[авеёзіїјкмнопрстухцчшѕёѵԁԛԝһӏүґ]+$/u,
  Greek: /^[αβγεηικνορτυχωϲϳ]+$/u,
  Armenian: /^[աեհյոսւօքցզոռ]+$/u,
  Georgian: /^[ყხჿ]+$/u,
};

/** Letters of Latin that nobody takes for another letter, or only for the same with an accent. */
const LATIN =
  /^[a-zß-öø-ÿāăąćĉċčďđēĕėęěĝğġģĥħĩīĭįĵķĺļľłńņňŋōŏőœŕŗřśŝşšţťŧũūŭůűųŵŷźżžșțạ-ỹ]+$/u;

/** Scripts of which a part of a host name may be written whole. */
const SCRIPTS = [
  'Cyrillic', 'Greek', 'Armenian', 'Georgian', 'Hebrew', 'Arabic', 'Devanagari', 'Bengali', 'Gurmukhi',
  'Gujarati', 'Tamil', 'Telugu', 'Kannada', 'Malayalam', 'Sinhala', 'Thai', 'Lao', 'Khmer', 'Ethiopic',
].map((name) => [name, new RegExp(`^[\\p{Script=${name}}\\p{Mn}\\p{Mc}]+$`, 'u')]);

/** Chinese, Japanese and Korean are written in several scripts at once, Latin among them. */
const CJK =
  /^[a-z\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}ー]+$/u;
const HAS_LOOK_ALIKE_OF_SIGN = /[丶丿ノ〳ㅣ〇〆]/u;

/**
 * Splits a text into pieces, of which some are links.
 *
 * @returns {{text: string, href?: string, shown?: string, room?: string}[]} `shown` is what to show of
 *   a link whose text would be taken for another address; `room` is the room that one leads to.
 */
export function linksIn(text) {
  const pieces = [];
  let end = 0;
  for (const { 0: match, index } of text.matchAll(LINK)) {
    if (pieces.length >= 2 * LINKS_MAX) break;
    const link = match.startsWith('#') ? roomLink(match) : webLink(withoutTail(match, marksBefore(text, index)));
    if (!link) continue;
    if (index > end) pieces.push({ text: text.slice(end, index) });
    pieces.push(link);
    end = index + link.text.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end) });
  return pieces;
}

const roomLink = (text) => {
  const room = text.slice(1);
  return { text, href: `#${encodeURIComponent(room)}`, room };
};

/** Makes a link of an address; null if it is none, or if it hides its host behind a name. */
function webLink(text) {
  const isBare = !/^https?:/iu.test(text);
  const address = isBare ? `https://${text}` : text;
  if (!URL.canParse(address)) return null;
  const { host, href, username, password, hostname } = new URL(address);
  if (username || password) return null;
  if (isBare && !/^www\.[^.]+.*\.[^.\d]{2,}$/u.test(hostname)) return null;
  const [, typed] = /^https?:\/\/([^/?#\\]*)/iu.exec(address);
  return isAsTyped(typed, host) ? { text, href } : { text, href, shown: href };
}

/** True if people read the host that is opened: the same in ASCII, or a name of one script. */
function isAsTyped(typed, host) {
  const name = typed.toLowerCase().replace(/:(?:80|443)?$/u, '');
  if (/^[\0-\x7F]*$/u.test(name)) return name === host.replace(/:(?:80|443)$/u, '');
  return name.replace(/:\d+$/u, '').split('.').every(isPlainLabel);
}

/** True if a part of a host name is of one script, and is not taken for another in Latin letters. */
function isPlainLabel(label) {
  const letters = label.replace(/[\d-]/gu, '');
  if (letters === '' || LATIN.test(letters)) return true;
  if (CJK.test(letters)) return !HAS_LOOK_ALIKE_OF_SIGN.test(letters);
  const [script] = SCRIPTS.find(([, pattern]) => pattern.test(letters)) ?? [];
  return script !== undefined && !LOOK_ALIKES[script]?.test(letters);
}

/** Returns the marks right before a place, such as `**` for bold, which then end the word, too. */
function marksBefore(text, index) {
  let start = index;
  while (start > 0 && /[*_~|]/u.test(text[start - 1])) start -= 1;
  return text.slice(start, index);
}

/** Cuts off the end of a link that belongs to the sentence around it. */
function withoutTail(link, marks) {
  for (;;) {
    const last = link.at(-1);
    const opening = { ')': '(', ']': '[', '}': '{' }[last];
    const isTail = opening
      ? link.split(last).length > link.split(opening).length
      : /[.,;:!?'…]/u.test(last) || (marks !== '' && last === marks[0]);
    if (!isTail) return link;
    link = link.slice(0, -1);
    if (marks !== '' && last === marks[0]) marks = marks.slice(1);
  }
}
