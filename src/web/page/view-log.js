/**
 * The messages of the shown room. Only those around the place that is looked at are in the page:
 * the window moves with it, and what is looked at does not.
 */

import { copied } from './copying.js';
import { arrange, byId, element, setText } from './dom.js';
import { count } from './text.js';
import { entryNode, signatureOf, surroundings } from './view-entry.js';
import { messageHash } from './view-rooms.js';

/** Entries above and below the one that is looked at; above the end, where all may be new. */
const REACH = 250;
const REACH_AT_END = 150;

/** Closer than this to the end counts as the end. */
const END_PX = 48;

/** Messages are loaded, and the window moved, before the person gets there. */
const AHEAD_PX = 800;

export class LogView {
  #chat;
  #log = byId('log');
  #list = byId('log-entries');
  #jump = byId('jump');
  #start = element('div', { class: 'start' });
  /** @type {Map<object, {node: Element, signature: string}>} */
  #shown = new Map();
  #room = null;
  #isFollowing = true;
  #window = { start: 0, end: 0, length: 0 };
  /** @type {Place|null} A message to be found and shown. */
  #sought = null;
  #found = null;
  #changed;
  #missing;

  /**
   * @param {() => void} changed Asks for another `render`.
   * @param {() => void} missing A message that was to be shown is not to be had.
   */
  constructor(chat, changed, missing) {
    this.#missing = missing;
    this.#chat = chat;
    this.#changed = changed;
    this.#log.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    this.#jump.addEventListener('click', () => this.toEnd());
    this.#list.addEventListener('copy', (event) => {
      const text = copied(this.#list, globalThis.getSelection());
      if (text === null) return;
      event.clipboardData.setData('text/plain', text);
      event.preventDefault();
    });
    new ResizeObserver(() => this.#isFollowing && this.#scrollToEnd()).observe(this.#log);
  }

  /** Whether the end of the room can be seen. */
  get isAtEnd() {
    return this.#isFollowing;
  }

  /** Goes to the newest message, and stays there. */
  toEnd() {
    this.#isFollowing = true;
    this.#sought = null;
    this.#changed();
  }

  /** Shows a message of the room, as soon as it is here. */
  seek(place) {
    this.#sought = place;
    this.#changed();
  }

  render() {
    const room = this.#chat.active;
    const isOther = room !== this.#room;
    if (isOther) this.#turnTo(room);
    this.#log.hidden = !room;
    if (!room) return;

    const entries = [...room.timeline.entries, ...room.unsaid];
    const target = this.#sought && this.#seek(room, entries);
    const anchor = target ?? (this.#isFollowing ? null : this.#anchor());
    const bottom = anchor && this.#shown.get(anchor)?.node.getBoundingClientRect().bottom;
    this.#window = this.#windowAround(entries, anchor);
    this.#lay(room, entries);

    if (target) this.#showFound(target);
    else if (this.#isFollowing) this.#scrollToEnd();
    else if (this.#shown.has(anchor)) {
      const moved = this.#shown.get(anchor).node.getBoundingClientRect().bottom - bottom;
      if (moved !== 0) this.#log.scrollTop += moved;
    }
    if (isOther && !target) this.#showDivider();
    this.#fillHoles(room);
    this.#renderJump(room);
  }

  /** The message that is sought; null while it is not here. What is missing before it is loaded. */
  #seek(room, entries) {
    const { epoch, offset } = this.#sought;
    if (!room.place) return null;
    const found = entries.find((it) => it.kind === 'message' && it.epoch === epoch && it.offset === offset);
    const hole = entries.find((it) =>
      it.kind === 'hole' && it.epoch === epoch && it.from <= offset && it.to >= offset);
    if (found) this.#isFollowing = false;
    else if (hole?.state === 'open') this.#chat.fill(room, hole);
    else if (hole?.state !== 'loading' && room.number !== null) this.#missing();
    if (found || hole?.state === 'lost' || (!hole && room.number !== null)) this.#sought = null;
    return found ?? null;
  }

  /** Shows the message that was sought in the middle, and marks it. */
  #showFound(entry) {
    const { node } = this.#shown.get(entry);
    this.#found?.classList.remove('is-found');
    this.#found = node.querySelector('.message');
    this.#found.classList.add('is-found');
    node.scrollIntoView({ block: 'center' });
    this.#isFollowing = this.#window.end === this.#window.length && this.#distanceToEnd() < END_PX;
  }

  #linkTo(room, { kind, epoch, offset }) {
    return kind === 'message' && !room.isPrivate ? messageHash(room, { epoch, offset }) : undefined;
  }

  #turnTo(room) {
    this.#room = room;
    this.#shown.clear();
    this.#list.replaceChildren();
    this.#isFollowing = true;
    const where = room?.isPrivate ? 'with' : 'in';
    if (room) this.#log.setAttribute('aria-label', `Messages ${where} ${room.name}`);
  }

  /** The first message in sight. Holes change while they are filled, so they are no landmarks. */
  #anchor() {
    const top = this.#log.getBoundingClientRect().top;
    for (const [entry, { node }] of this.#shown) {
      if (entry.kind === 'message' && node.getBoundingClientRect().bottom > top) return entry;
    }
    return null;
  }

  #windowAround(entries, anchor) {
    const { length } = entries;
    if (this.#isFollowing) return { start: Math.max(0, length - REACH_AT_END), end: length, length };
    const at = Math.max(0, entries.indexOf(anchor));
    return { start: Math.max(0, at - REACH), end: Math.min(length, at + REACH), length };
  }

  #lay(room, entries) {
    const { start, end } = this.#window;
    const me = this.#chat.name;
    const acts = {
      me,
      isLive: this.#chat.state.phase === 'live',
      linkTo: (entry) => this.#linkTo(room, entry),
      retry: (id) => this.#chat.retry(room, id),
      discard: (id) => this.#chat.discard(room, id),
    };
    const shown = new Map();
    for (let index = start; index < end; index += 1) {
      const entry = entries[index];
      const around = surroundings(entries, index, { me, divider: room.divider });
      const signature = signatureOf(entry, around, acts);
      const before = this.#shown.get(entry);
      const isSame = before?.signature === signature;
      shown.set(entry, isSame ? before : { signature, node: entryNode(entry, around, acts) });
    }
    this.#shown = shown;
    const nodes = [...shown.values()].map(({ node }) => node);
    if (start === 0 && this.#isBeginning(room)) nodes.unshift(this.#beginning(room));
    arrange(this.#list, nodes);
  }

  /** Whether nothing was said in the room before what is shown. */
  #isBeginning({ place, timeline: { entries } }) {
    const first = entries.find(({ kind }) => kind === 'message' || kind === 'hole');
    return place !== null && (!first || (first.kind === 'message' && first.offset === 1));
  }

  #beginning(room) {
    const about = beginningOf(room);
    if (this.#start.dataset.about !== `${room.title} ${about}`) {
      this.#start.dataset.about = `${room.title} ${about}`;
      this.#start.replaceChildren(element('h2', {}, room.title), element('p', {}, about));
    }
    return this.#start;
  }

  #scrollToEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** Shows the first unread message rather than the last, where they are far apart. */
  #showDivider() {
    const divider = this.#list.querySelector('.is-new');
    if (!divider) return;
    divider.scrollIntoView({ block: 'center' });
    this.#isFollowing = this.#distanceToEnd() < END_PX;
  }

  #distanceToEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    return scrollHeight - scrollTop - clientHeight;
  }

  #scrolled() {
    if (!this.#room) return;
    const wasFollowing = this.#isFollowing;
    const { start, end, length } = this.#window;
    const below = this.#distanceToEnd();
    this.#isFollowing = end === length && below < END_PX;
    const isNearEdge = (this.#log.scrollTop < AHEAD_PX && start > 0)
      || (below < AHEAD_PX && end < length);
    if (isNearEdge || wasFollowing !== this.#isFollowing) this.#changed();
    this.#fillHoles(this.#room);
  }

  /** Asks for what is missing in sight, or nearly so; the newest first. */
  #fillHoles(room) {
    const sight = this.#log.getBoundingClientRect();
    const isNear = ({ top, bottom }) =>
      bottom > sight.top - AHEAD_PX && top < sight.bottom + AHEAD_PX;
    const open = [...this.#shown].filter(([{ kind, state }]) => kind === 'hole' && state === 'open');
    const near = open.findLast(([, { node }]) => isNear(node.getBoundingClientRect()));
    if (near) this.#chat.fill(room, near[0]);
  }

  #renderJump({ unread }) {
    const isNew = unread > 0;
    this.#jump.hidden = this.#isFollowing;
    this.#jump.classList.toggle('is-new', isNew);
    setText(byId('jump-words'), isNew ? count(unread, 'new message') : 'Jump to the latest');
  }
}

/** What is to be known of a place where nothing was said before. */
function beginningOf({ isPrivate, isOurs, name, timeline: { entries } }) {
  if (isPrivate) {
    return `Only ${name} and you read this. The relay keeps none of it: it reaches ${name} while they are here, and cannot be read back later.`;
  }
  if (entries.some(({ kind }) => kind === 'message')) return 'This is where the room begins.';
  const first = isOurs
    ? ' You are the first here, which makes you its operator, unless the relay keeps it for everybody. Operators kick, ban and set topics in IRC clients.'
    : '';
  return `Nothing has been said here yet. Whoever has the address of this page can come in.${first}`;
}
