/** How one entry of a room looks: a message, a hole, a new beginning, who came and went. */

import { element, icon } from './dom.js';
import { keyOf } from './conversation.js';
import { linksIn } from './links.js';
import {
  clockTime, count, dayName, dayOf, fullTime, hueOf, initialOf, mentions, shown,
} from './text.js';

/** Messages of one sender within this time stand together. */
const TOGETHER_MS = 5 * 60_000;

/** A message beyond these is folded. */
const FOLD_LENGTH = 3_000;
const FOLD_LINES = 24;

/** Names told of those who came and went at once. */
const NAMES_TOLD = 4;

const isSaid = (entry) => entry?.kind === 'message' || entry?.kind === 'unsaid';

/** Long messages that have been unfolded. */
const unfolded = new WeakSet();

/** What an entry's looks depend on beside itself. */
export function surroundings(entries, index, { me, divider }) {
  const entry = entries[index];
  if (!isSaid(entry)) return { isNew: false, day: null, isHead: false };
  const before = entries[index - 1];
  const senderOf = (it) => (it.kind === 'unsaid' ? me : it.sender);
  const goesOn = isSaid(before) && senderOf(entry) === senderOf(before)
    && entry.time - before.time < TOGETHER_MS;
  const isNew = isFirstAfter(divider, entry, before);
  const day = newDay(entries, index);
  return { isNew, day, isHead: isNew || day !== null || !goesOn };
}

/** The day of a message, if it is not that of the one before. */
function newDay(entries, index) {
  const day = dayOf(entries[index].time);
  let at = index - 1;
  while (at >= 0 && !isSaid(entries[at])) at -= 1;
  return at >= 0 && dayOf(entries[at].time) === day ? null : day;
}

/** Whether two of these would look the same. */
export const signatureOf = (entry, { isNew, day, isHead }, { isLive }) =>
  `${isNew} ${day} ${isHead} ${entry.state} ${entry.problem} ${entry.state === 'waiting' && isLive}`;

const isAfter = (entry, { epoch, offset }) => entry.epoch !== epoch || entry.offset > offset;

/** Whether the unread messages begin with this one. */
function isFirstAfter(divider, entry, before) {
  if (!divider || entry.kind !== 'message' || !isAfter(entry, divider)) return false;
  return before?.kind !== 'message' || !isAfter(before, divider);
}

/**
 * The nodes of an entry, in one element.
 *
 * @param {object} around What `surroundings` answered.
 * @param {object} room `me`, `isLive`, what can be done to a message: `retry(id)`, `discard(id)`, and `linkTo(entry)`,
 *   its address if it has one.
 */
export function entryNode(entry, around, room) {
  const node = element('div', { class: 'entry' });
  if (around.day !== null) node.append(rule(dayName(around.day, Date.now())));
  if (around.isNew) node.append(rule('New messages', 'is-new'));
  node.append(kinds[entry.kind](entry, around, room));
  return node;
}

const rule = (text, kind = '') => element('p', { class: `rule ${kind}` }, text);

const kinds = { message: said, unsaid: said, hole, restart, presence, remark };

/** The coloured square with somebody's initial. */
export function avatar(name) {
  return paint(element('span', { class: 'avatar', 'aria-hidden': 'true' }, initialOf(name)), name);
}

/** Gives an element somebody's colour. */
export function paint(node, name) {
  node.style.setProperty('--hue', hueOf(name));
  return node;
}

function said(entry, { isHead }, room) {
  const isOurs = entry.kind === 'unsaid';
  const sender = isOurs ? room.me : entry.sender;
  const state = isOurs ? entry.state : entry.sent && 'sent';
  const isMention = keyOf(sender) !== keyOf(room.me) && mentions(entry.text, room.me);
  const classes = ['message', isHead && 'is-head', isMention && 'is-mention'].filter(Boolean);
  const clock = clockTime(entry.time);
  const node = element('article', {
    class: classes.join(' '), 'data-state': state, 'data-sender': sender, 'data-clock': clock,
  });
  if (entry.offset !== undefined) node.dataset.offset = entry.offset;
  const href = room.linkTo(entry);
  const time = (kind) => element(href ? 'a' : 'span', {
    class: `when ${kind}`, href, title: href ? `${fullTime(entry.time)}: link to this message` : undefined,
  }, element('time', { datetime: new Date(entry.time).toISOString(), title: fullTime(entry.time) }, clock));
  if (isHead) {
    const name = paint(element('span', { class: 'sender', dir: 'auto' }, sender), sender);
    node.append(avatar(sender), element('header', { class: 'by' }, name, time('')));
  } else {
    node.append(time('aside-time'), element('span', { class: 'visually-hidden' }, sender));
  }
  node.append(...body(entry, sender), ...fate(entry, state, room));
  return node;
}

/** What was said, and a button to see all of it if it is long. */
function body(entry, sender) {
  const { text, note, isBytes, isAction } = shown(entry);
  const words = element('div', { class: `body ${isBytes ? 'bytes' : ''}`, dir: 'auto' });
  if (isAction) {
    words.classList.add('action');
    words.append(`* ${sender} `);
  }
  words.append(...linksIn(text).map((piece) => (piece.href ? link(piece) : piece.text)));
  if (note) words.append(element('span', { class: 'note' }, note));
  const isLong = text.length > FOLD_LENGTH || text.split('\n', FOLD_LINES + 1).length > FOLD_LINES;
  if (!isLong || unfolded.has(entry)) return [words];
  words.classList.add('is-folded');
  const unfold = element('button', {
    type: 'button',
    class: 'unfold',
    click: () => {
      unfolded.add(entry);
      words.classList.remove('is-folded');
      unfold.remove();
    },
  }, `Show all ${count(text.length, 'character')}`);
  return [words, unfold];
}

/** A link, apart from the direction in which the words around it are written. */
function link({ text, href, shown: address = text, room }) {
  if (room) return element('a', { href, dir: 'auto' }, text);
  const title = address === text ? undefined : `Written as ${text}`;
  return element('a', { href, title, dir: 'ltr', target: '_blank', rel: 'noopener noreferrer' }, address);
}

/** What becomes of a message of ours: the picture and the words for it. */
const FATES = {
  waiting: ['clock', 'Waits for the connection'],
  queued: ['clock', 'Waits its turn'],
  sending: ['clock', 'On its way'],
  sent: ['check', 'Sent'],
};

function fate(entry, state, room) {
  if (!state) return [];
  if (state === 'refused') return [refusal(entry, room)];
  const [picture, words] = FATES[state === 'waiting' && room.isLive ? 'queued' : state];
  const told = element('span', { class: 'visually-hidden' }, words);
  return [element('p', { class: 'fate', title: words }, icon(picture), told)];
}

function refusal({ id, problem, isUnsure }, room) {
  const button = (text, click) => element('button', { type: 'button', click }, text);
  return element('p', { class: 'fate' },
    element('span', {}, `${isUnsure ? 'Perhaps not sent' : 'Not sent'}: ${problem}`),
    button('Try again', () => room.retry(id)),
    button('Discard', () => room.discard(id)));
}

function hole({ from, to, state, why }) {
  if (state !== 'lost') return element('p', { class: 'hole is-open' }, 'Loading messages…');
  const missing = count(to - from + 1, 'message');
  const are = to === from ? 'is' : 'are';
  switch (why) {
    case 'old':
      return element('p', { class: 'hole is-old' },
        `${missing} said before ${are} no longer kept by the relay.`);
    case 'slow':
      return element('p', { class: 'hole is-told' },
        `${missing} ${are} missing here: this connection was too slow for them, and the relay does not keep them any more.`);
    default:
      return element('p', { class: 'hole is-told' },
        `${missing} ${are} missing here: said while the connection was down, and the relay does not keep them any more.`);
  }
}

function restart({ time }) {
  return element('p', { class: 'hole is-told' },
    `The room began anew at ${clockTime(time)}, most likely because the relay was restarted. What was said while the connection was down and is not below could not be recovered; how much that is, nobody knows.`);
}

function presence({ came, went }) {
  const told = [names(came, 'joined'), names(went, 'left')].filter(Boolean);
  return element('p', { class: 'presence' }, told.join('; '));
}

function remark({ text }) {
  return element('p', { class: 'presence' }, text);
}

function names(set, verb) {
  if (set.size === 0) return '';
  const first = [...set].slice(0, NAMES_TOLD);
  if (set.size > NAMES_TOLD) first.push(count(set.size - NAMES_TOLD, 'other'));
  return `${new Intl.ListFormat('en').format(first)} ${verb}`;
}
