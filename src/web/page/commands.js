/** What a line asks for instead of saying something. Pure functions. */

/** What can be asked for: what it is called, what belongs behind it, and what it does. */
export const COMMANDS = [
  { command: 'help', about: 'lists these' },
  { command: 'me', words: 'TEXT', about: 'says what you do: /me waves' },
  { command: 'msg', words: 'NAME TEXT', about: 'says something to one person alone' },
  { command: 'join', words: 'ROOM', about: 'goes to a room; a key, if it has one, stands behind its name' },
  { command: 'leave', about: 'leaves the room, or closes the conversation' },
  { command: 'list', about: 'shows which rooms there are' },
  { command: 'nick', words: 'NAME', about: 'gives you another name' },
];

/** Other words for the same, as IRC and other chats have them. */
const ALIASES = new Map(Object.entries({
  '?': 'help', h: 'help', commands: 'help',
  action: 'me', emote: 'me',
  m: 'msg', w: 'msg', whisper: 'msg', tell: 'msg', dm: 'msg', pm: 'msg', privmsg: 'msg', query: 'msg',
  j: 'join',
  part: 'leave', close: 'leave',
  rooms: 'list', channels: 'list',
  name: 'nick',
}));

/** What the operators of a room do, for which this page has no way. */
const OF_IRC = new Set([
  'topic', 'kick', 'ban', 'unban', 'op', 'deop', 'voice', 'devoice', 'mode', 'invite', 'away', 'whois', 'ignore',
]);

/** What may stand before a command without making a message of it: what nobody sees. */
const NOTHING = /^[\s\p{Cf}]+/u;

/**
 * What a line asks for: `/me waves`, in any case, by any of its names. A line that begins with a slash
 * and a letter always asks for something; with two slashes it is said, with one of them.
 *
 * @returns {{command: string, words: string}|null} Null if it is something to be said.
 */
export function commandIn(line) {
  // Keyboards for Chinese and Japanese write wide slashes and letters.
  const [, asked, words = ''] = /^[/／](\p{L}\S*|\?)(?:\s+([^]*))?$/u.exec(line.replace(NOTHING, '')) ?? [];
  if (!asked) return null;
  const word = asked.normalize('NFKC').toLowerCase();
  return { command: ALIASES.get(word) ?? word, words };
}

/** What is said by a line that asks for nothing. */
export const saidBy = (line) => line.replace(/^(?<space>[\s\p{Cf}]*)\/\//u, '$<space>/');

/** Why a command is not carried out, and what to do about it. */
export function problemOf(command) {
  const { words } = COMMANDS.find((it) => it.command === command) ?? {};
  if (words) return `Write it so: /${command} ${words}`;
  if (OF_IRC.has(command)) return `/${command} works in IRC clients only. /help lists what there is here`;
  return `There is no /${command}. /help lists what there is; to say it, write //${command}`;
}

/** The message that its sender does something. */
export const actionOf = (words) => `\u0001ACTION ${words}\u0001`;

/** The room that somebody asks for, as pages and IRC write it or without its `#`, and its key behind it. */
export function roomIn(words) {
  const wanted = words.replace(/^#(?=.)/u, '');
  // No room has a space in its name, but who writes several is to be told so.
  const [name, secret, ...more] = wanted.split(/\s+/u);
  return more.length > 0 ? [wanted] : [name, secret];
}
