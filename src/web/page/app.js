/** The chat page: one model, its views, and what the browser tells them. */

import { Alerts } from './alerts.js';
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
import { RoomsView, addressIn, hashOf } from './view-rooms.js';
import { SheetView } from './view-sheet.js';

/** Where everybody is who has not been told of another room. */
const FIRST_ROOM = 'lobby';

/** How long a page that nobody looks at waits before it renders. */
const HIDDEN_MS = 250;

/** Rendering that takes longer than this leaves as much time to everything else. */
const FRAME_MS = 8;

/** The delay after a key before the draft is stored. */
const DRAFT_MS = 500;

/** Rooms that are listed at most. */
const LISTED = 200;

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
const log = new LogView(chat, () => render('log'), () =>
  line.notice({ tone: 'bad', text: 'The relay does not keep that message any more' }));
const composer = new ComposerView(chat, {
  go: visit,
  talk: visitPerson,
  leave,
  rename,
  list: () => sheet.list(),
  help: () => sheet.help(),
  said: () => log.toEnd(),
  drafted: () => keepSoon(),
});
const members = new MembersView(chat, visitPerson);
const rooms = new RoomsView(chat, visit, () => composer.invite());
const naming = new NamingView(chat, () => composer.invite());
const sheet = new SheetView(listRooms, visit, () => composer.invite());
const alerts = new Alerts(({ name, isPrivate }) => (isPrivate ? visitPerson(name) : visit(name)), (notice) => line.notice(notice));

/** Reads aloud what is said where the person is, or to them alone; and calls who is elsewhere and is meant. */
function said(it, message, isMeant) {
  if (isMeant && (document.hidden || !document.hasFocus())) alerts.said(it, message);
  if (it.isPrivate) announcer.said({ ...message, sender: `${message.sender}, to you alone` });
  else if (it === chat.active) announcer.said(message);
}

function openSocket() {
  const url = new URL('connect', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  return new WebSocket(url, SUBPROTOCOL);
}

async function listRooms() {
  const answer = await fetch(`rooms?limit=${LISTED}`);
  return answer.ok ? answer.json() : Promise.reject(new Error(answer.statusText));
}

let keeping = null;

/** Keeps what is needed when the page is loaded again. */
function keep() {
  clearTimeout(keeping);
  keeping = null;
  storage.savePerson(chat.save());
}

function keepSoon() {
  keeping ??= setTimeout(keep, DRAFT_MS);
}

/** What each part of the model is shown by. */
const views = {
  line: [line, naming, composer],
  rooms: [rooms, composer],
  log: [log, composer],
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
  byId('favicon').setAttribute('href', unread > 0 ? 'icon-unread.svg' : 'icon.svg');
  // Whoever just went elsewhere is not called back: the event that tells of it is on its way.
  if (location.hash !== lastHash || isAddressed()) return;
  history.replaceState(null, '', chat.active ? hashOf(chat.active) : location.pathname);
  lastHash = location.hash;
}

/** The room, person or message named in the address. */
const addressed = () => addressIn(location.hash);

/** True if the address names what is shown. */
function isAddressed() {
  const { name, isPrivate } = addressed();
  return chat.active ? keyOf(name) === chat.active.key && isPrivate === chat.active.isPrivate : name === '';
}

/** Notes where somebody went by themselves, so that Back leads where they were. */
function note() {
  if (isAddressed()) return;
  history.pushState(null, '', hashOf(chat.active));
  lastHash = location.hash;
}

function goTo(name, secret) {
  chat.open(name, secret);
  drawers.close();
  composer.invite();
}

function visit(name, secret) {
  goTo(name, secret);
  note();
}

function visitPerson(name) {
  talkWith(name);
  note();
}

/** Leaves a room, or what is shown; answers why not. */
function leave(name) {
  const it = name ? chat.rooms.get(keyOf(name)) : chat.active;
  if (!it) return `You are not in ${name}`;
  chat.leave(it);
  composer.invite();
  return undefined;
}

async function rename(name) {
  const problem = await chat.rename(name);
  if (!problem) storage.saveName(name);
  line.notice(problem ? { tone: 'bad', text: `${name}: ${problem}` } : { tone: 'good', text: `You are ${chat.name} now` });
}

function talkWith(name) {
  chat.talk(name);
  drawers.close();
  composer.invite();
}

function show({ name, isPrivate, place }) {
  if (isPrivate) talkWith(name);
  else goTo(name);
  if (place?.epoch && !isPrivate) log.seek(place);
}

/** Goes to the room or person above or below in the lists. */
function step(by) {
  const { all, active } = chat;
  const at = all.indexOf(active) + by;
  if (all.length === 0) return;
  const { name, isPrivate } = all[(at + all.length) % all.length];
  if (isPrivate) visitPerson(name);
  else visit(name);
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
  const there = addressed();
  if (there.name && !isAddressed()) show(there);
  else if (there.place) log.seek(there.place);
});

addEventListener('keydown', (event) => {
  if (event.altKey && event.key === 'ArrowUp') step(-1);
  else if (event.altKey && event.key === 'ArrowDown') step(1);
  else if (event.key === 'Escape' && drawers.isOpen) drawers.close();
  else if (event.key === 'Escape' && !event.isComposing && !document.querySelector('dialog[open]')) log.toEnd();
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
  if (document.hidden) keep();
  else chat.check();
});
addEventListener('pagehide', keep);

// Where the browser allows it, the page starts without a network next time.
navigator.serviceWorker?.register('worker.js').catch(() => {});

renderTheme();
if (chat.all.length === 0 && !addressed().name) chat.open(FIRST_ROOM);
else if (addressed().name) show(addressed());
for (const part of Object.keys(views)) render(part);
composer.invite();
if (saved?.name) chat.enter(saved.name);
else naming.open(storage.loadName());
