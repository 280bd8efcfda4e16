/** Commands: lines that ask for something instead of saying it. Pure functions. */

/** The commands: name, parameters and effect. */
export const COMMANDS = [
  { command: 'help', about: 'lists these' },
  { command: 'me', words: 'TEXT', about: 'says what you do: /me waves' },
  { command: 'msg', words: 'NAME TEXT', about: 'says something to one person alone' },
  { command: 'join', words: 'ROOM', about: 'goes to a room; a key, if it has one, stands behind its name' },
  { command: 'leave', about: 'leaves the room, or closes the conversation' },
  { command: 'list', about: 'shows which rooms there are' },
  { command: 'nick', words: 'NAME', about: 'gives you another name' },
];

/** Other names of the commands, as IRC and other chats have them. */
const ALIASES = new Map(Object.entries({
  '?': 'help', h: 'help', commands: 'help',
  action: 'me', emote: 'me',
  m: 'msg', w: 'msg', whisper: 'msg', tell: 'msg', dm: 'msg', pm: 'msg', privmsg: 'msg', query: 'msg',
  j: 'join',
  part: 'leave', close: 'leave',
  rooms: 'list', channels: 'list',
  name: 'nick',
}));

/** Commands of IRC for which this page has no way. */
const OF_IRC = new Set([
  'topic', 'kick', 'ban', 'unban', 'op', 'deop', 'voice', 'devoice', 'mode', 'invite', 'away', 'whois', 'ignore',
]);

/** Spaces and invisible characters: before a command they make no message of it. */
const NOTHING = /^[\s\p{Cf}]+/u;

/**
 * Reads a command: `/me waves`, in any case, by any of its names. A line that begins with a slash and a
 * letter is always a command; a line with two slashes is said, with one of them.
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

/** Returns the message of a line that is no command. */
export const saidBy = (line) => line.replace(/^(?<space>[\s\p{Cf}]*)\/\//u, '$<space>/');

/** Returns the reason why a command is not carried out, and the remedy. */
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
