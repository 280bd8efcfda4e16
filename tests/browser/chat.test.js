// Rooms over lines that break: what is resumed, what is told, what is said once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chat } from '../../src/web/page/chat.js';
import { Recall } from '../../src/web/page/recall.js';
import { shown as looks } from '../../src/web/page/text.js';
import { Clock, EPOCH, OTHER_EPOCH, Socket, joined, message, welcome } from './world.js';

class World {
  clock = new Clock();
  sockets = [];
  notices = [];

  reads = [];

  constructor(saved) {
    const open = () => this.sockets[this.sockets.push(new Socket()) - 1];
    this.chat = new Chat({ open, clock: this.clock, saved }, {
      changed: () => {},
      notice: ({ text }) => this.notices.push(text),
      said: (it, { text }, isMeant) => this.reads.push([text, isMeant]),
    });
  }

  get socket() {
    return this.sockets.at(-1);
  }

  get room() {
    return this.chat.active;
  }

  /** Connects, and joins the room `rust` at an offset. */
  static in(head = 0, saved = undefined) {
    const world = new World(saved);
    world.chat.open('rust');
    world.chat.enter('ann');
    world.welcome();
    world.joined({ head });
    return world;
  }

  welcome() {
    this.socket.onopen();
    this.socket.receive(welcome());
  }

  /** The relay answers the last join, and the question who is there. */
  joined(more) {
    this.socket.receive(joined(this.socket.last('join').request, more));
    const { request } = this.socket.last('members');
    this.socket.receive({ type: 'members', request, room: 7, count: 2, names: ['ann', 'bob'] });
    this.socket.take();
  }

  /** The line breaks, and another comes about. */
  reconnect() {
    this.socket.break();
    this.clock.pass(400);
    this.welcome();
  }

  receive(...frames) {
    this.socket.receive(...frames);
  }

  get outline() {
    return this.room.timeline.entries.map((it) => {
      if (it.kind === 'hole') return `${it.why} ${it.state} ${it.from}..${it.to}`;
      return it.kind === 'message' ? it.text : it.kind;
    });
  }
}

test('who comes back resumes where the room was left, and is told what was missed', () => {
  const world = World.in(3);
  world.receive(message(4, 'four'));
  world.reconnect();
  const { room, epoch, offset } = world.socket.last('join');
  assert.deepEqual({ room, epoch, offset }, { room: 'rust', epoch: EPOCH, offset: 4 });
  world.joined({ recovered: true, head: 6 });
  assert.equal(world.chat.catchingUp, 2);
  world.receive(message(5, 'five'), message(6, 'six'));
  assert.deepEqual(world.outline, ['old open 1..3', 'four', 'five', 'six']);
  assert.equal(world.chat.catchingUp, 0);
  assert.deepEqual(world.notices, ['Back. 2 missed messages recovered']);
});

test('nothing missed is told, too', () => {
  const world = World.in();
  world.reconnect();
  world.joined({ recovered: true });
  assert.deepEqual(world.notices, ['Back. Nothing was missed']);
});

test('what the relay keeps no more is a hole, what it keeps can be loaded', () => {
  const world = World.in();
  world.receive(message(1, 'one'));
  world.reconnect();
  world.joined({ head: 9, oldest: 6 });
  assert.deepEqual(world.outline, ['one', 'away lost 2..5', 'away open 6..9']);
  assert.deepEqual(world.notices, ['Back. 4 messages could not be recovered']);
  world.chat.fill(world.room, world.room.timeline.entries[2]);
  const { request, before } = world.socket.last('history');
  assert.equal(before, 10);
  world.receive(message(10, 'ten'));
  const messages = [6, 7, 8, 9].map((offset) => ({ offset, time: 0, sender: 'bob', text: 'kept' }));
  world.receive({ type: 'history', request, room: 7, oldest: 6, messages });
  assert.deepEqual(world.outline, ['one', 'away lost 2..5', 'kept', 'kept', 'kept', 'kept', 'ten']);
});

test('a relay that restarted is told of where it happened', () => {
  const world = World.in();
  world.receive(message(1, 'one'));
  world.reconnect();
  world.joined({ epoch: OTHER_EPOCH, head: 2, oldest: 1 });
  assert.deepEqual(world.outline, ['one', 'restart', 'old open 1..2']);
  assert.deepEqual(world.notices, ['Back. Something may be missing']);
  assert.equal(world.room.unread, 3);
});

test('a room in which nothing was said and that was forgotten is no loss', () => {
  const world = World.in();
  world.receive({ type: 'came', room: 7, count: 3, name: 'zoe' });
  world.reconnect();
  world.joined({ epoch: OTHER_EPOCH, head: 1 });
  assert.deepEqual(world.outline, ['presence', 'old open 1..1']);
  assert.deepEqual(world.notices, ['Back. 1 missed message recovered']);
});

test('a gap is a hole, and what comes twice comes once', () => {
  const world = World.in();
  world.receive(message(1, 'one'), { type: 'gap', room: 7, from: 2, to: 9 }, message(9, 'again'),
    message(10, 'ten'), message(10, 'ten'));
  assert.deepEqual(world.outline, ['one', 'slow lost 2..9', 'ten']);
});

test('our message is shown at once, sent once, and then in its place', () => {
  const world = World.in();
  world.chat.say(world.room, 'hello');
  assert.equal(world.room.unsaid[0].state, 'sending');
  const [{ type, id, text }] = world.socket.take();
  assert.deepEqual({ type, text }, { type: 'say', text: 'hello' });
  world.receive(message(1, 'hello', { sender: 'ann' }), { type: 'ack', room: 7, id, offset: 1 });
  assert.deepEqual([world.outline, world.room.unsaid], [['hello'], []]);
  assert.ok(world.room.timeline.entries[0].sent);
  assert.equal(world.room.unread, 0);
});

test('what we do, and others in IRC, is text like what is said', () => {
  const world = World.in();
  const action = '\u0001ACTION waves to ann\u0001';
  world.chat.say(world.room, action);
  const { id, text } = world.socket.last('say');
  assert.equal(text, action);
  const base64 = btoa(action);
  world.receive(message(1, undefined, { sender: 'ann', base64 }), { type: 'ack', room: 7, id, offset: 1 },
    message(2, undefined, { base64 }), { type: 'told', time: 0, sender: 'bob', base64 });
  assert.deepEqual([world.outline, world.room.unsaid], [[action, action], []]);
  assert.ok(world.room.timeline.entries[0].sent);
  assert.equal(world.room.mentions, 1);
  assert.equal(world.chat.people.get('bob').timeline.entries[0].text, action);
});

test('what was done before we came is text, too, and nothing else', () => {
  const world = World.in();
  world.reconnect();
  world.joined({ head: 2, oldest: 1 });
  const [hole] = world.room.timeline.entries;
  world.chat.fill(world.room, hole);
  const { request } = world.socket.last('history');
  const [action, query] = ['\u0001ACTION waves\u0001', '\u0001VERSION\u0001'];
  const messages = [action, query].map((bytes, index) =>
    ({ offset: index + 1, time: 0, sender: 'bob', base64: btoa(bytes) }));
  world.receive({ type: 'history', request, room: 7, oldest: 1, messages });
  const seen = world.room.timeline.entries.map(({ text, base64 }) => looks({ text, base64 }));
  assert.deepEqual(seen, [
    { text: 'waves', isAction: true },
    { text: 'CTCP VERSION', note: 'asked by an IRC client' },
  ]);
});

test('what was not acknowledged is said again under its id', () => {
  const world = World.in();
  world.chat.say(world.room, 'hello');
  const { id } = world.socket.last('say');
  world.reconnect();
  assert.equal(world.socket.last('say'), undefined);
  world.socket.receive(joined(world.socket.last('join').request, { recovered: true, head: 0 }));
  assert.equal(world.socket.last('say').id, id);
});

test('unless it is seen to have been said', () => {
  const world = World.in();
  world.chat.say(world.room, 'hello');
  world.receive(message(1, 'hello', { sender: 'ann' }));
  world.reconnect();
  world.socket.receive(joined(world.socket.last('join').request, { recovered: true, head: 1 }));
  assert.equal(world.socket.last('say'), undefined);
});

test('what is said without a line waits for it, even across a reload', () => {
  const world = World.in();
  world.socket.break();
  world.chat.say(world.room, 'are you there?');
  assert.equal(world.room.unsaid[0].state, 'waiting');
  const { id } = world.room.unsaid[0];
  const again = World.in(0, JSON.parse(JSON.stringify(world.chat.save())));
  const room = again.chat.active;
  assert.deepEqual(room.unsaid.map(({ state, id: same }) => [state, same === id]), [['sending', true]]);
});

test('a refused message keeps its reason, and can be tried again or given up', () => {
  const world = World.in();
  world.chat.say(world.room, 'may I?');
  const { id } = world.socket.last('say');
  world.receive({ type: 'error', code: 111, request: id, text: 'it is moderated' });
  assert.deepEqual([world.room.unsaid[0].state, world.room.unsaid[0].problem],
    ['refused', 'it is moderated']);
  world.socket.take();
  world.chat.retry(world.room, id);
  assert.equal(world.socket.last('say').id, id);
  world.receive({ type: 'error', code: 111, request: id, text: 'it is moderated' });
  world.chat.discard(world.room, id);
  assert.deepEqual(world.room.unsaid, []);
});

test('an acknowledgement that overtakes a replay does not make the message vanish', () => {
  const world = World.in();
  world.chat.say(world.room, 'hello');
  const { id } = world.socket.last('say');
  world.receive({ type: 'ack', room: 7, id, offset: 2 });
  assert.equal(world.room.unsaid.length, 1);
  world.receive(message(1), message(2, 'hello', { sender: 'ann' }));
  assert.deepEqual([world.outline, world.room.unsaid], [['message 1', 'hello'], []]);
});

test('messages are unread until the end of the room is seen', () => {
  const world = World.in();
  world.receive(message(1, 'hello Ann'), message(2, 'anna'));
  assert.deepEqual([world.room.unread, world.room.mentions], [2, 1]);
  assert.deepEqual(world.room.divider, { epoch: EPOCH, offset: 0 });
  world.chat.watch(true);
  world.receive(message(3));
  assert.equal(world.room.unread, 0);
});

test('a room is left even if the answer to the join is still to come', () => {
  const world = World.in();
  const room = world.chat.open('tea');
  world.chat.leave(room);
  const { request } = world.socket.last('join');
  world.receive(joined(request, { room: 9, name: 'tea' }));
  assert.equal(world.socket.last('leave').room, 9);
  assert.equal(world.room.name, 'rust');
});

test('a join that is refused is told; one that came too fast is tried again', () => {
  const world = World.in();
  world.chat.open('a,b');
  world.receive({ type: 'error', code: 102, request: world.socket.last('join').request, text: 'no' });
  assert.deepEqual([world.notices, world.chat.rooms.size],
    [['a,b: The name of a room has no spaces, commas or invisible characters, and is not very long. a_b would do'], 1]);
  world.chat.open('tea');
  const { request } = world.socket.last('join');
  world.receive({ type: 'error', code: 107, request, text: 'wait' });
  world.socket.take();
  world.clock.pass(1_000);
  assert.equal(world.socket.last('join').room, 'tea');
});

test('a question that came too fast is asked again after a pause, if the line is the same', () => {
  const world = World.in(9);
  const refuse = (type) => {
    const { request } = world.socket.last(type);
    world.receive({ type: 'error', code: 107, request, text: 'wait' });
    world.socket.take();
  };
  world.chat.fill(world.room, world.room.timeline.entries[0]);
  refuse('history');
  assert.deepEqual(world.outline, ['old loading 1..9'], 'or it would be asked for at once, and again');
  world.clock.pass(1_000);
  assert.deepEqual(world.outline, ['old open 1..9']);
  world.chat.open('tea');
  world.receive(joined(world.socket.last('join').request, { room: 9, name: 'tea' }));
  refuse('members');
  assert.equal(world.socket.last('members'), undefined);
  world.clock.pass(1_000);
  assert.equal(world.socket.last('members').room, 9);
  refuse('members');
  world.reconnect();
  world.socket.take();
  world.clock.pass(1_000);
  assert.equal(world.socket.last('members'), undefined);
});

test('who is put out of a room is told, and does not go back by itself', () => {
  const world = World.in();
  world.receive({ type: 'error', code: 118, request: 0, text: 'you were put out' },
    { type: 'left', request: 0, room: 7, offset: 0 });
  assert.deepEqual([world.notices, world.chat.rooms.size], [['you were put out'], 0]);
  assert.deepEqual(world.socket.take(), []);
});

test('members come and go; the list of a room that became small is asked for', () => {
  const world = World.in();
  world.receive({ type: 'came', room: 7, count: 3, name: 'zoe' });
  assert.deepEqual([...world.room.members.names.values()], ['ann', 'bob', 'zoe']);
  world.receive({ type: 'went', room: 7, count: 2, name: 'zoe' });
  assert.deepEqual(world.socket.take(), []);
  world.receive({ type: 'members', request: 0, room: 7, count: 501, names: [] });
  const { request } = world.socket.last('members');
  world.receive({ type: 'members', request, room: 7, count: 501, names: [] });
  world.socket.take();
  world.receive({ type: 'members', request: 0, room: 7, count: 600, names: [] });
  assert.deepEqual(world.socket.take(), []);
  world.receive({ type: 'went', room: 7, count: 500, name: 'zoe' });
  assert.equal(world.socket.take().length, 1);
});

/** Somebody tells us something alone. */
const told = (text, more = {}) =>
  ({ type: 'told', time: 1_790_000_000_000, sender: 'Bob', notice: false, text, ...more });

/** What a conversation with one person shows, ours marked by `>`. */
const shown = ({ timeline: { entries }, unsaid }) => [
  ...entries.map(({ kind, sent, text }) => (kind === 'remark' ? `* ${text}` : `${sent ? '>' : '<'} ${text}`)),
  ...unsaid.map(({ state, text }) => `${state} ${text}`),
];

test('who tells us something opens a conversation beside the rooms, unread', () => {
  const world = World.in();
  world.receive(told('psst'), told('are you there?'));
  const [bob] = world.chat.people.values();
  assert.deepEqual([bob.name, bob.unread, bob.mentions], ['Bob', 2, 2]);
  assert.equal(world.chat.active.name, 'rust', 'what is shown stays');
  assert.equal(world.chat.talk('bob'), bob);
  assert.deepEqual(bob.divider, { epoch: '', offset: 0 });
  world.chat.watch(true);
  assert.equal(bob.unread, 0);
  assert.deepEqual(shown(bob), ['< psst', '< are you there?']);
});

test('what we tell goes out one after the other, and is sent once the relay says so', () => {
  const world = World.in();
  const bob = world.chat.talk('bob');
  world.chat.say(bob, 'one');
  world.chat.say(bob, 'two');
  const [{ request, ...frame }, ...others] = world.socket.take();
  assert.deepEqual([frame, others], [{ type: 'tell', name: 'bob', text: 'one' }, []]);
  assert.deepEqual(shown(bob), ['sending one', 'waiting two']);
  world.receive({ type: 'passed', request, time: 7, away: 'tea' });
  assert.deepEqual(shown(bob), ['> one', '* bob is away: tea', 'sending two']);
  const second = world.socket.last('tell').request;
  world.receive(told('hm'), { type: 'passed', request: second, time: 8, away: 'tea' });
  assert.deepEqual(shown(bob), ['> one', '* bob is away: tea', '< hm', '> two'], 'that once is enough');
});

test('what could not be told says why, and the next goes out', () => {
  const world = World.in();
  const bob = world.chat.talk('bob');
  world.chat.say(bob, 'one');
  world.chat.say(bob, 'two');
  const { request } = world.socket.last('tell');
  world.receive({ type: 'error', code: 116, request, text: 'nobody of that name is here' });
  assert.deepEqual(shown(bob), ['refused one', 'sending two']);
  assert.equal(bob.unsaid[0].problem, 'nobody of that name is here');
  world.chat.retry(bob, request);
  world.receive({ type: 'passed', request: world.socket.last('tell').request, time: 7, away: '' });
  assert.deepEqual(shown(bob), ['> two', 'sending one']);
});

test('a lost line leaves open what became of it, and is waited for', () => {
  const world = World.in();
  const bob = world.chat.talk('bob');
  world.chat.say(bob, 'one');
  world.chat.say(bob, 'two');
  world.socket.break();
  assert.deepEqual(shown(bob), ['refused one', 'waiting two']);
  assert.ok(bob.unsaid[0].isUnsure);
  world.chat.say(bob, 'three');
  world.clock.pass(400);
  world.welcome();
  assert.equal(world.socket.last('tell').text, 'two');
  assert.deepEqual(shown(bob), ['refused one', 'sending two', 'waiting three']);
});

test('the relay keeps none of it, but a reload does', () => {
  const world = World.in();
  const bob = world.chat.talk('bob');
  world.chat.say(bob, 'hello');
  world.receive({ type: 'passed', request: world.socket.last('tell').request, time: 7, away: '' });
  world.receive(told('x'.repeat(40_000)), told('hello yourself'), told('\u0000', { text: undefined, base64: 'AA==' }));
  world.socket.break();
  world.chat.say(bob, 'wait');
  const again = new World(JSON.parse(JSON.stringify(world.chat.save())));
  const same = again.chat.active;
  assert.deepEqual([same.name, same.isPrivate, same.unread], ['Bob', true, 2]);
  assert.deepEqual(shown(same), ['< hello yourself', '< undefined', 'waiting wait'], 'as much as fits');
});

test('what one tells oneself is shown once', () => {
  const world = World.in();
  const ann = world.chat.talk('ANN');
  world.chat.say(ann, 'note');
  world.receive(told('note', { sender: 'ann' }),
    { type: 'passed', request: world.socket.last('tell').request, time: 7, away: '' });
  assert.deepEqual([shown(ann), ann.unread, world.chat.people.size], [['> note'], 0, 1]);
});

test('strangers cannot fill the page with conversations', () => {
  const world = World.in();
  const bob = world.chat.talk('bob');
  world.chat.say(bob, 'one');
  for (let number = 0; number < 200; number += 1) world.receive(told('hi', { sender: `guest${number}` }));
  assert.equal(world.chat.people.size, 100);
  assert.ok(world.chat.people.has('bob') && world.chat.people.has('guest199'));
});

test('a conversation that is closed is begun anew by whoever speaks next', () => {
  const world = World.in();
  world.receive(told('psst'));
  world.chat.leave(world.chat.talk('bob'));
  assert.deepEqual([world.chat.people.size, world.chat.active.name], [0, 'rust']);
  assert.deepEqual(world.socket.take(), []);
  world.receive(told('again'));
  assert.deepEqual(shown(world.chat.people.get('bob')), ['< again']);
});

test('a room is joined with its key, also by coming back and by a page that was loaded again', () => {
  const world = World.in();
  world.chat.open('vault', 'sesame');
  assert.equal(world.socket.last('join').key, 'sesame');
  world.joined({ room: 9, name: 'vault' });
  world.reconnect();
  const keys = world.socket.take().filter(({ type }) => type === 'join').map(({ room, key }) => [room, key]);
  assert.deepEqual(keys, [['rust', undefined], ['vault', 'sesame']]);
  const again = new World(JSON.parse(JSON.stringify(world.chat.save())));
  assert.deepEqual([...again.chat.rooms.values()].map(({ secret }) => secret), [undefined, 'sesame']);
  world.chat.open('attic');
  world.receive({ type: 'error', code: 114, request: world.socket.last('join').request, text: 'not it' });
  assert.deepEqual(world.notices.at(-1), 'attic: not it. Write it behind the name of the room');
});

/** A relay with a rate: so many at once, then one each so many milliseconds. What it is sent, it answers. */
class Rated {
  said = [];
  refusals = 0;
  #allowed;
  #since;

  constructor(world, burst, everyMs) {
    Object.assign(this, { world, burst, everyMs });
    this.#allowed = burst;
    this.#since = world.clock.now();
  }

  /** Answers everything that was sent, and what is sent upon the answers. */
  answer() {
    for (let frames = this.world.socket.take(); frames.length > 0; frames = this.world.socket.take()) {
      for (const frame of frames) this.#answer(frame);
    }
  }

  #answer({ type, id, text, request, name }) {
    const now = this.world.clock.now();
    this.#allowed = Math.min(this.burst, this.#allowed + (now - this.#since) / this.everyMs);
    this.#since = now;
    if (this.#allowed < 1) {
      this.refusals += 1;
      this.world.receive({ type: 'error', code: 107, request: id ?? request, text: 'wait a moment' });
      return;
    }
    this.#allowed -= 1;
    this.said.push(text);
    if (type === 'tell') return this.world.receive({ type: 'passed', request, time: now, away: '' });
    const offset = this.world.room.place.offset + 1;
    this.world.receive(message(offset, text, { sender: 'ann' }), { type: 'ack', room: 7, id, offset });
  }
}

const numbered = (count) => Array.from({ length: count }, (_, index) => `line ${index + 1}`);

test('lines typed while away go out in their order and at the pace of the relay, without a click', () => {
  for (const [burst, everyMs] of [[10, 200], [1, 1_000], [4, 1_000], [10, 20]]) {
    const world = World.in();
    world.socket.break();
    for (const text of numbered(15)) world.chat.say(world.room, text);
    assert.equal(world.room.pending, 15);
    world.clock.pass(400);
    world.welcome();
    world.socket.receive(joined(world.socket.last('join').request, { recovered: true }));
    world.socket.sent = world.socket.sent.filter(({ type }) => type === 'say');
    const relay = new Rated(world, burst, everyMs);
    for (let ms = 0; ms < 60_000 && relay.said.length < 15; ms += 10) {
      relay.answer();
      assert.ok(world.room.unsaid.every(({ state }) => state !== 'refused'));
      world.clock.pass(10);
    }
    assert.deepEqual(relay.said, numbered(15), `burst ${burst}, one each ${everyMs} ms`);
    assert.deepEqual([world.room.unsaid, world.room.pending], [[], 0]);
    assert.ok(relay.refusals <= 10, `${relay.refusals} refusals for 15 messages`);
  }
});

test('twenty quick lines keep their order, and those to one person, too', () => {
  const world = World.in();
  const relay = new Rated(world, 10, 200);
  for (const text of numbered(20)) world.chat.say(world.room, text);
  const sent = world.socket.sent.filter(({ type }) => type === 'say');
  assert.equal(sent.length, 1, 'of two, the relay could refuse the first and take the second');
  for (let ms = 0; ms < 20_000; ms += 10) {
    relay.answer();
    world.clock.pass(10);
  }
  assert.deepEqual(relay.said, numbered(20));
  const bob = world.chat.talk('bob');
  for (const text of numbered(20)) world.chat.say(bob, text);
  for (let ms = 0; ms < 20_000; ms += 10) {
    relay.answer();
    world.clock.pass(10);
  }
  assert.deepEqual(relay.said.slice(20), numbered(20));
  assert.deepEqual(bob.unsaid, []);
});

test('what the store could not keep, or nobody knows of, is sent again under its id', () => {
  for (const code of [121, 122]) {
    const world = World.in();
    world.chat.say(world.room, 'hello');
    const { id } = world.socket.last('say');
    world.socket.take();
    world.receive({ type: 'error', code, request: id, text: 'in a moment' });
    assert.deepEqual(world.socket.take(), []);
    world.clock.pass(250);
    assert.deepEqual(world.socket.take().map((frame) => [frame.type, frame.id]), [['say', id]]);
  }
});

test('drafts outlive the page, in each room and with each person', () => {
  const world = World.in();
  world.room.draft = 'not yet';
  world.chat.talk('bob').draft = 'nor this';
  for (let number = 0; number < 20; number += 1) world.chat.open(`room${number}`).draft = `draft ${number}`;
  const again = new World(JSON.parse(JSON.stringify(world.chat.save())));
  assert.equal(again.chat.rooms.get('rust').draft, 'not yet');
  assert.equal(again.chat.people.get('bob').draft, 'nor this');
  assert.equal(again.chat.rooms.get('room19').draft, 'draft 19');
});

test('a clock that is set back holds up nothing, and messages have the calendar\'s time', () => {
  const world = World.in();
  world.clock.shift = -3_600_000;
  world.chat.say(world.room, 'hello');
  assert.equal(world.room.unsaid[0].time, world.clock.now() - 3_600_000);
  world.clock.pass(25_000 + 10_000);
  assert.equal(world.chat.state.phase, 'waiting', 'the dead line is noticed all the same');
  assert.ok(world.chat.retryIn <= 400);
});

test('another name is asked for on a second line, and the first is kept until it is granted', async () => {
  const world = World.in(3);
  const first = world.socket;
  const answer = world.chat.rename('bob');
  const second = world.socket;
  assert.notEqual(first, second);
  second.onopen();
  assert.deepEqual(second.take(), [{ type: 'hello', version: 1, private: true, name: 'bob', key: '5eed5eed5eed5eed' }]);
  second.receive({ type: 'error', code: 100, request: 0, text: 'somebody here has that name already' });
  assert.equal(await answer, 'somebody here has that name already');
  assert.ok(second.isClosed);
  // Nothing has happened to the line.
  assert.deepEqual([world.chat.state.phase, world.chat.name, first.isClosed], ['live', 'ann', false]);
  first.receive(message(4, 'four'));
  world.chat.say(world.room, 'still here');
  assert.equal(first.last('say').text, 'still here');
});

test('a name that is granted takes the rooms along: nothing is missed, and the old line goes last', async () => {
  const world = World.in(3);
  const first = world.socket;
  world.receive(message(4, 'four'));
  world.chat.say(world.room, 'under way');
  const { id } = first.last('say');
  const answer = world.chat.rename('bob');
  const second = world.socket;
  second.onopen();
  second.receive(welcome({ name: 'bob' }));
  assert.equal(await answer, null);
  assert.deepEqual([world.chat.name, world.chat.state.phase], ['bob', 'live']);
  assert.ok(!first.isClosed, 'the room would be empty for a moment');
  const { room, offset } = second.last('join');
  assert.deepEqual([room, offset], ['rust', 4]);
  // What is told to the old name is heard as long as it is there.
  first.receive({ type: 'told', time: 1, sender: 'zoe', notice: false, text: 'psst' });
  assert.equal(world.chat.people.get('zoe').unread, 1);
  second.receive(joined(second.last('join').request, { recovered: true, head: 5 }), message(5, 'five'));
  assert.ok(first.isClosed && first.last('bye'));
  assert.equal(second.last('say').id, id, 'said once: the relay knows its id');
  second.receive({ type: 'went', room: 7, count: 1, name: 'ann' });
  assert.deepEqual(world.outline, ['old open 1..3', 'four', 'five']);
  assert.deepEqual(world.notices, []);
  // Another line comes back under the new name.
  second.break();
  world.clock.pass(400);
  world.socket.onopen();
  assert.equal(world.socket.last('hello').name, 'bob');
});

test('a private message that is on its way is answered before another name is used', async () => {
  const world = World.in();
  const first = world.socket;
  const zoe = world.chat.talk('zoe');
  world.chat.say(zoe, 'one');
  world.chat.say(zoe, 'two');
  const answer = world.chat.rename('bob');
  const second = world.socket;
  second.onopen();
  second.receive(welcome({ name: 'bob' }));
  assert.equal(world.chat.name, 'ann');
  first.receive({ type: 'passed', request: first.last('tell').request, time: 1, away: '' });
  assert.equal(await answer, null);
  assert.deepEqual([first, second].map((socket) => socket.sent.filter(({ type }) => type === 'tell').map(({ text }) => text)),
    [['one'], ['two']]);
});

test('one\'s own name in another spelling is taken from the line that has it', async () => {
  for (const isWelcomeFirst of [true, false]) {
    const world = World.in();
    const first = world.socket;
    const answer = world.chat.rename('Ann');
    const second = world.socket;
    second.onopen();
    const acts = [
      () => second.receive(welcome({ name: 'Ann' })),
      () => first.receive({ type: 'bye', code: 206, text: 'the same person connected again' }),
    ];
    for (const act of isWelcomeFirst ? acts : acts.reverse()) act();
    assert.equal(await answer, null);
    assert.deepEqual([world.chat.name, world.chat.state.phase], ['Ann', 'live']);
    assert.equal(second.last('join').room, 'rust');
  }
});

test('a rename that the relay does not answer is given up, and so is one whose line is lost', async () => {
  const world = World.in();
  const answer = world.chat.rename('bob');
  world.clock.pass(10_000);
  assert.equal(await answer, 'the relay does not answer');
  assert.equal(world.chat.state.phase, 'live');
  const first = world.sockets[0];
  const other = world.chat.rename('bob');
  first.break();
  assert.equal(await other, 'the connection was lost');
  assert.ok(world.socket.isClosed);
  world.clock.pass(400);
  world.socket.onopen();
  assert.equal(world.socket.last('hello').name, 'ann');
});

test('who is meant is told so', () => {
  const world = World.in();
  world.receive(message(1, 'hello'), message(2, 'hello ann'), told('psst'));
  assert.deepEqual(world.reads, [['hello', false], ['hello ann', true], ['psst', true]]);
});

test('an own line is fetched to be written again, older and newer', () => {
  const world = World.in();
  world.receive(message(1, 'one', { sender: 'ann' }), message(2, 'theirs'), message(3, '\u0001ACTION waves\u0001', { sender: 'ann' }),
    message(4, '/slash', { sender: 'ann' }));
  const recall = new Recall();
  const older = (now) => recall.older(now, world.room, 'ann');
  assert.equal(older('half a line'), null, 'what is written by hand is not lost');
  assert.deepEqual([older(''), older('//slash'), older('/me waves'), older('one')], ['//slash', '/me waves', 'one', 'one']);
  assert.equal(older('one, changed'), null);
  assert.deepEqual([recall.newer('one'), recall.newer('/me waves'), recall.newer('//slash'), recall.newer('')],
    ['/me waves', '//slash', '', null]);
});
