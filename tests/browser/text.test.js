// What is made of payloads, names and times.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  actionOf, commandIn, dayName, hueOf, initialOf, linksIn, mentions, payloadOf, roomIn, shown,
} from '../../src/web/page/text.js';

const links = (text) => linksIn(text).filter(({ href }) => href).map((piece) => piece.text);

test('links are http and https, without the sentence around them', () => {
  assert.deepEqual(links('see https://a.example/b, or (http://c.example/d_(e)).'),
    ['https://a.example/b', 'http://c.example/d_(e)']);
  assert.deepEqual(links('javascript:alert(1) data:text/html,x ftp://a file:///etc'), []);
  assert.deepEqual(links('https:// http://'), []);
  assert.deepEqual(links('<a href="https://a.example/x">'), ['https://a.example/x']);
});

test('nothing of a text is lost or added by its links', () => {
  for (const text of ['', 'a', 'https://a.example', ' https://a.example. http://b.example!! end\n']) {
    assert.equal(linksIn(text).map((piece) => piece.text).join(''), text);
  }
  const many = 'http://a.example/ '.repeat(5_000);
  assert.equal(linksIn(many).map((piece) => piece.text).join(''), many);
  assert.ok(links(many).length <= 60);
});

test('a name is mentioned as a word of its own', () => {
  for (const text of ['ann', 'hi Ann!', '@ann: x', '(ANN)', 'anna and ann']) {
    assert.ok(mentions(text, 'ann'), text);
  }
  for (const text of ['anna', 'joann', 'ann_', 'ännanns', '', undefined]) {
    assert.ok(!mentions(text, 'ann'), text);
  }
});

test('payloads that are no text are shown for what they are', () => {
  assert.deepEqual(shown({ text: 'hello\r\n' }), { text: 'hello' });
  assert.equal(shown({ text: '\n' }).note, 'empty message');
  assert.deepEqual(shown({ base64: btoa('\x1b[1mbold') }),
    { text: '^[[1mbold', note: 'not plain text, 8 bytes' });
  assert.deepEqual(shown({ base64: '/wCA' }),
    { text: 'ff 00 80', note: 'binary, 3 bytes', isBytes: true });
});

test('what somebody does is told so, by whatever way it comes', () => {
  const action = actionOf('waves\ntwice');
  assert.deepEqual(shown({ text: action }), { text: 'waves\ntwice', isAction: true });
  for (const bytes of ['\x01ACTION waves\x01', '\x01ACTION waves']) {
    assert.deepEqual(shown(payloadOf({ base64: btoa(bytes) })), { text: 'waves', isAction: true });
  }
  // Everything else stays what it was.
  assert.deepEqual(shown({ base64: btoa('\x01PING 7\x01') }),
    { text: 'CTCP PING 7', note: 'asked by an IRC client' });
  for (const bytes of ['\x01VERSION\x01', '\x01ACTION \xff\x01']) {
    assert.equal(payloadOf({ base64: btoa(bytes) }).text, undefined);
    assert.ok(!shown({ base64: btoa(bytes) }).isAction);
  }
  assert.deepEqual(payloadOf({ text: 'hello' }), { text: 'hello' });
});

test('the formatting of IRC is left out', () => {
  for (const [formatted, plain] of [
    ['\x02bold\x02 and\x0F', 'bold and'],
    ['\x0304,02red\x03 and\x0312, \x031\x0312', 'red and, '],
    ['\x03042, \x031,x', '2, ,x'],
    ['\x04ff0000,00ff00red', 'red'],
    ['\x01ACTION \x02waves\x01', '\x01ACTION waves\x01'],
    ['\x02', undefined],
    ['\x02\x1B[1m', undefined],
  ]) assert.equal(payloadOf({ base64: btoa(formatted) }).text, plain, JSON.stringify(formatted));
});

test('days have the names people use', () => {
  const noon = new Date(2026, 10, 20, 12).getTime();
  const day = 86_400_000;
  assert.equal(dayName(noon - 11 * 3_600_000, noon), 'Today');
  assert.equal(dayName(noon - day, noon), 'Yesterday');
  assert.equal(dayName(noon - 3 * day, noon), 'Tuesday, November 17');
  assert.equal(dayName(noon - 400 * day, noon), 'October 16, 2025');
});

test('names have a colour and an initial', () => {
  assert.equal(hueOf('Ann'), hueOf('ann'));
  assert.equal(initialOf('zoë'), 'Z');
  assert.equal(initialOf('👩‍🚀x'), '👩‍🚀');
});

test('a line that begins with a command asks for it', () => {
  assert.deepEqual(commandIn('/msg bob hello  there\nand there'), { command: 'msg', words: 'bob hello  there\nand there' });
  assert.deepEqual(commandIn('/leave'), { command: 'leave', words: '' });
  for (const line of ['see /msg bob hi', '//msg bob hi', '/usr/bin', '/', '/ me', '/9']) {
    assert.equal(commandIn(line), null, line);
  }
  assert.deepEqual(roomIn('#tea sesame'), ['tea', 'sesame']);
  assert.deepEqual([roomIn('##tea'), roomIn('#'), roomIn('a b c')], [['#tea', undefined], ['#', undefined], ['a b c']]);
});
