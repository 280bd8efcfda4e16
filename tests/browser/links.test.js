// What becomes a link, and what is shown of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linksIn } from '../../src/web/page/links.js';

const found = (text) => linksIn(text).filter(({ href }) => href);
const links = (text) => found(text).map((piece) => piece.text);
/** What is shown of the only link. */
const shown = (text) => {
  const [link, ...more] = found(text);
  assert.deepEqual(more, [], text);
  return link && (link.shown ?? link.text);
};

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

test('a link ends before backticks, invisible characters and CJK punctuation', () => {
  for (const text of [
    '`https://a.example/b`', 'https://a.example/b。次の文', '（https://a.example/b）', '「https://a.example/b」と',
    'https://a.example/b，然后', 'https://a.example/b！', 'https://a.example/b\u202Egpj.exe', 'https://a.example/b\u200Bc',
    '“https://a.example/b”', '*https://a.example/b*', '_https://a.example/b_', '**https://a.example/b**', '||https://a.example/b||',
  ]) assert.deepEqual(links(text), ['https://a.example/b'], text);
});

test('a link keeps the signs that are its own', () => {
  for (const link of [
    'https://en.example/wiki/Foo_', 'https://a.example/*', 'https://a.example/~ann', 'https://a.example/b_(c)_d',
    'https://a.example/?q=a_', 'https://a.example/#top', 'https://[::1]:8080/x', 'http://a.example:80/',
  ]) assert.deepEqual([links(`see ${link}`), shown(link)], [[link], link]);
});

test('a host of mixed or look-alike scripts is shown in punycode', () => {
  for (const [written, host] of [
    ['https://аррӏе.com', 'xn--80ak6aa92e.com'], // all Cyrillic
    ['https://pаypal.com', 'xn--pypal-4ve.com'], // one Cyrillic letter
    ['https://ɡoogle.com', 'xn--oogle-qmc.com'], // a Latin letter that is none of anybody's alphabet
    ['https://οκ.example', 'xn--vxaj.example'], // all Greek
    ['https://аррӏе.рф', 'xn--80ak6aa92e.xn--p1ai'],
  ]) assert.equal(shown(`${written}/x`), `https://${host}/x`, written);
  for (const link of [
    'https://bücher.example', 'https://пример.рф', 'https://яндекс.com/x', 'https://例え.jp', 'https://ελλάδα.example',
    'https://한국.kr', 'https://東京tower.jp', 'https://בית.example',
  ]) assert.equal(shown(link), link);
});

test('no link shows another host than it opens', () => {
  assert.equal(shown('https://ｇｏｏｇｌｅ.com/'), 'https://google.com/');
  assert.equal(shown('https://2130706433/'), 'https://127.0.0.1/');
  assert.equal(shown('https://%61.example/'), 'https://a.example/');
  assert.match(shown('https://bank.example∕login.evil.example/'), /xn--/u);
  assert.deepEqual(links('https://bank.example@evil.example/ https://a:b@evil.example/'), []);
});

test('addresses that begin with www. are links', () => {
  assert.deepEqual(found('see www.a.example/b, (www.c.example)').map(({ text, href }) => [text, href]),
    [['www.a.example/b', 'https://www.a.example/b'], ['www.c.example', 'https://www.c.example/']]);
  assert.deepEqual(links('www. www.a awww.a.example www.1.2'), []);
});

test('rooms are links to them', () => {
  const rooms = (text) => found(text).map(({ room, href }) => [room, href]);
  assert.deepEqual(rooms('come to #tea, #größe or (#c10k)!'),
    [['tea', '#tea'], ['größe', '#gr%C3%B6%C3%9Fe'], ['c10k', '#c10k']]);
  assert.deepEqual(rooms('# #1 c#sharp &#60; a/#b ##'), []);
  assert.deepEqual(rooms('https://a.example/#b'), [[undefined, 'https://a.example/#b']]);
});
