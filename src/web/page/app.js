/** The chat page: one model, its views, and what the browser tells them. */

import { Announcer } from './announcer.js';
import { Chat } from './chat.js';
import { SUBPROTOCOL } from './connection.js';
import { keyOf } from './conversation.js';
import { byId, icon } from './dom.js';
import { Drawers } from './drawers.js';
import { storage } from './storage.js';
import { ComposerView } from './view-composer.js';
import { LineView } from './view-line.js';
import { LogView } from './view-log.js';
import { MembersView } from './view-members.js';
import { NamingView } from './view-naming.js';
import { RoomsView, WITH, hashOf } from './view-rooms.js';

/** Where everybody is who has not been told of another room. */
const FIRST_ROOM = 'lobby';

/** How long a page that nobody looks at waits before it renders. */
const HIDDEN_MS = 250;

/** Rendering that takes longer than this leaves as much time to everything else. */
const FRAME_MS = 8;

const THEMES = [null, 'light', 'dark'];

const saved = storage.loadPerson();
const announcer = new Announcer(byId('announcer'));
const drawers = new Drawers();

const chat = new Chat({ saved, open: openSocket }, {
  changed: render,
  notice: (notice) => line.notice(notice),
  said,
});

const line = new LineView(chat);
const log = new LogView(chat, () => render('log'));
const composer = new ComposerView(chat, { go: goTo, talk: talkWith, leave, said: () => log.toEnd() });
const members = new MembersView(chat, talkWith);
const rooms = new RoomsView(chat, goTo, () => composer.invite());
const naming = new NamingView(chat, () => composer.invite());

/** Reads aloud what is said where the person is, or to them alone. */
function said(it, message) {
  if (it.isPrivate) announcer.said({ ...message, sender: `${message.sender}, to you alone` });
  else if (it === chat.active) announcer.said(message);
}

function openSocket() {
  const url = new URL('connect', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  return new WebSocket(url, SUBPROTOCOL);
}

/** What each part of the model is shown by. */
const views = {
  line: [line, naming],
  rooms: [rooms, composer],
  log: [log],
  members: [members, rooms],
};

let due = new Set();
/** The address as it was last taken or given. */
let lastHash = location.hash;
let cost = 0;

/** Has a part shown anew: at most once for each frame, however often it changes. */
function render(part) {
  if (due.size === 0) {
    if (document.hidden) setTimeout(renderNow, HIDDEN_MS);
    else if (cost > FRAME_MS) setTimeout(() => requestAnimationFrame(renderNow), cost);
    else requestAnimationFrame(renderNow);
  }
  due.add(part);
}

function renderNow() {
  const began = performance.now();
  const views = viewsOf(due);
  due = new Set();
  for (const view of views) view.render();
  watch();
  renderAddress();
  cost = performance.now() - began;
}

const viewsOf = (parts) => new Set([...parts].flatMap((part) => views[part]));

/** Tells the model whether the person sees the newest messages. */
function watch() {
  chat.watch(log.isAtEnd && !document.hidden && document.hasFocus());
}

/** Title and address. */
function renderAddress() {
  const unread = chat.all.reduce((sum, it) => sum + it.unread, 0);
  const title = chat.active ? `${chat.active.title} · ` : '';
  document.title = `${unread > 0 ? `(${unread}) ` : ''}${title}hobnob`;
  const hash = chat.active ? hashOf(chat.active) : '';
  // Whoever just went elsewhere is not called back: the event that tells of it is on its way.
  if (location.hash !== lastHash || location.hash === hash) return;
  history.replaceState(null, '', hash || location.pathname);
  lastHash = location.hash;
}

/** The room or person named in the address; the name is empty if there is none. */
function addressed() {
  const isPrivate = location.hash.startsWith(WITH);
  try {
    return { name: decodeURIComponent(location.hash.slice(isPrivate ? WITH.length : 1)), isPrivate };
  } catch {
    return { name: '', isPrivate: false };
  }
}

function goTo(name, secret) {
  chat.open(name, secret);
  drawers.close();
  composer.invite();
}

function leave() {
  chat.leave(chat.active);
  composer.invite();
}

function talkWith(name) {
  chat.talk(name);
  drawers.close();
  composer.invite();
}

const show = ({ name, isPrivate }) => (isPrivate ? talkWith(name) : goTo(name));

/** Goes to the room or person above or below in the lists. */
function step(by) {
  const { all, active } = chat;
  const at = all.indexOf(active) + by;
  if (all.length > 0) show(all[(at + all.length) % all.length]);
}

function renderTheme() {
  const theme = storage.loadTheme();
  const name = theme ?? 'system';
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  byId('theme').replaceChildren(icon(name));
  byId('theme').setAttribute('aria-label', `Theme: ${name}`);
  byId('theme').title = `Theme: ${name}`;
}

byId('theme').addEventListener('click', () => {
  const next = THEMES.indexOf(storage.loadTheme()) + 1;
  storage.saveTheme(THEMES[next % THEMES.length]);
  renderTheme();
});

byId('skip').addEventListener('click', () => composer.focus());

addEventListener('hashchange', () => {
  lastHash = location.hash;
  const { name, isPrivate } = addressed();
  const isShown = keyOf(name) === chat.active?.key && isPrivate === chat.active?.isPrivate;
  if (name && !isShown) show({ name, isPrivate });
});

addEventListener('keydown', (event) => {
  if (event.altKey && event.key === 'ArrowUp') step(-1);
  else if (event.altKey && event.key === 'ArrowDown') step(1);
  else if (event.key === 'Escape' && drawers.isOpen) drawers.close();
  else if (event.key === 'Escape' && !event.isComposing && !byId('naming').open) log.toEnd();
  else return;
  event.preventDefault();
});

// Whoever types into nothing means the message box.
addEventListener('keydown', (event) => {
  const isNowhere = [document.body, byId('log')].includes(document.activeElement);
  const isCharacter = event.key.length === 1 && event.key !== ' ';
  if (isNowhere && isCharacter && !event.ctrlKey && !event.metaKey && !event.altKey) composer.focus();
});

addEventListener('online', () => chat.check());
for (const event of ['focus', 'blur']) addEventListener(event, watch);
document.addEventListener('visibilitychange', () => {
  // A frame that was waited for does not come to a page that nobody sees.
  renderNow();
  if (document.hidden) storage.savePerson(chat.save());
  else chat.check();
});
addEventListener('pagehide', () => storage.savePerson(chat.save()));

renderTheme();
if (chat.all.length === 0 && !addressed().name) chat.open(FIRST_ROOM);
else if (addressed().name) show(addressed());
for (const part of Object.keys(views)) render(part);
composer.invite();
if (saved?.name) chat.enter(saved.name);
else naming.open(storage.loadName());
