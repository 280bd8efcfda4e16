// Rooms over lines that break: what is resumed, what is told, what is said once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chat } from '../../src/web/page/chat.js';
import { shown as looks } from '../../src/web/page/text.js';
import { Clock, EPOCH, OTHER_EPOCH, Socket, joined, message, welcome } from './world.js';

class World {
  clock = new Clock();
  sockets = [];
  notices = [];

  constructor(saved) {
    const open = () => this.sockets[this.sockets.push(new Socket()) - 1];
    this.chat = new Chat({ open, clock: this.clock, saved }, {
      changed: () => {},
      notice: ({ text }) => this.notices.push(text),
      said: () => {},
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
  world.chat.say(world.room, 'too fast');
  const { id } = world.socket.last('say');
  world.receive({ type: 'error', code: 107, request: id, text: 'wait a moment' });
  assert.deepEqual([world.room.unsaid[0].state, world.room.unsaid[0].problem],
    ['refused', 'wait a moment']);
  world.socket.take();
  world.chat.retry(world.room, id);
  assert.equal(world.socket.last('say').id, id);
  world.receive({ type: 'error', code: 107, request: id, text: 'wait a moment' });
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
  assert.deepEqual([world.notices, world.chat.rooms.size], [['a,b: no'], 1]);
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
