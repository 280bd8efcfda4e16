// What a line asks for, and the words for what it may not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMANDS, commandIn, problemOf, roomIn, saidBy } from '../../src/web/page/commands.js';
import { complete, namesFor, wordAt } from '../../src/web/page/completion.js';
import { excessOf, nearestName, problemOfName } from '../../src/web/page/names.js';

test('a line that begins with a command asks for it', () => {
  assert.deepEqual(commandIn('/msg bob hello  there\nand there'), { command: 'msg', words: 'bob hello  there\nand there' });
  assert.deepEqual(commandIn('/leave'), { command: 'leave', words: '' });
  for (const line of ['see /msg bob hi', '//msg bob hi', '/', '/ me', '/9']) {
    assert.equal(commandIn(line), null, line);
  }
  assert.deepEqual(roomIn('#tea sesame'), ['tea', 'sesame']);
  assert.deepEqual([roomIn('##tea'), roomIn('#'), roomIn('a b c')], [['#tea', undefined], ['#', undefined], ['a b c']]);
});

test('commands are commands in any case, in wide letters, and behind spaces that nobody sees', () => {
  for (const line of ['/Msg bob secret', '/MSG bob secret', ' /msg bob secret', '\u200B/msg bob secret', '／msg bob secret',
    '／ｍｓｇ　bob secret', '/w bob secret', '/Query bob secret', '\n/msg bob secret']) {
    assert.deepEqual(commandIn(line), { command: 'msg', words: 'bob secret' }, JSON.stringify(line));
  }
  assert.deepEqual(commandIn('/ME waves'), { command: 'me', words: 'waves' });
});

test('whatever begins with a slash and a letter is a command, known or not, and two slashes say it', () => {
  for (const line of ['/usr/bin', '/msgbob secret', '/msg,bob secret', '/é', '/Мсг bob', '/me2']) {
    const { command } = commandIn(line);
    assert.ok(!COMMANDS.some((it) => it.command === command), line);
    assert.ok(problemOf(command).includes(`//${command}`), line);
    assert.equal(commandIn(`/${line}`), null);
    assert.equal(saidBy(`/${line}`), line);
  }
  assert.equal(saidBy('//'), '/');
  assert.equal(saidBy('see //a'), 'see //a');
  for (const command of ['kick', 'topic', 'ban']) assert.match(problemOf(command), /in IRC clients only/u);
  assert.equal(problemOf('msg'), 'Write it so: /msg NAME TEXT');
});

test('names that will not do have one beside them that will, and no bytes', () => {
  assert.equal(nearestName('Ann Lee'), 'Ann_Lee');
  assert.equal(nearestName(' Lee,  Ann\u200B '), 'Lee_Ann');
  assert.equal(nearestName('ä'.repeat(50)), 'ä'.repeat(32));
  assert.equal(problemOfName('Ann Lee'), 'A name has no spaces, commas or invisible characters, and is not very long. Ann_Lee would do');
  assert.doesNotMatch(problemOfName('my room', 'The name of a room'), /byte|UTF/u);
});

test('characters too many are counted as people count them', () => {
  assert.equal(excessOf('ä'.repeat(60), 100), 10);
  assert.equal(excessOf('ab', 2), 0);
  assert.equal(excessOf('a😀😀', 6), 1);
});

test('a word becomes the name it begins', () => {
  const names = ['bob', 'Bea', 'zoë', 'ann'];
  assert.deepEqual(namesFor('b', names, 'ann'), ['Bea', 'bob']);
  assert.deepEqual(namesFor('', names, 'Ann'), ['Bea', 'bob', 'zoë']);
  const after = (text, name, caret = text.length) => {
    const done = complete(text, caret, wordAt(text, caret), name);
    return `${done.text.slice(0, done.caret)}|${done.text.slice(done.caret)}`;
  };
  assert.equal(after('bo', 'bob'), 'bob: |');
  assert.equal(after('hello @bo', 'bob'), 'hello @bob |');
  assert.equal(after('hi zo there', 'zoë', 5), 'hi zoë |there');
  assert.equal(after('(bo', 'bob'), '(bob |');
});
