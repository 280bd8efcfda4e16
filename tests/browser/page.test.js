// The chat page in real browsers, against the real relay.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Browsers, NARROW, Nc, Relay, WIDE, until } from './stage.js';

let browsers;

before(async () => {
  browsers = await Browsers.launch();
});

afterEach(async () => {
  try {
    await browsers.closeAll();
  } finally {
    await Relay.stopAll();
  }
});

after(() => browsers.quit());

/** A number of lines to say. */
const lines = (count, what) => Array.from({ length: count }, (_, index) => `${what} ${index + 1}`);

/** Everybody has seen the same, in one order, each message once, as a plain socket heard it. */
async function agree(people, nc) {
  for (const person of people) {
    await person.hears(nc.heard.at(-1));
    const log = await person.log();
    assert.deepEqual(log.map(([offset]) => offset), log.map((_, index) => index + 1));
    assert.deepEqual(log.map(([, text]) => text), nc.heard);
  }
}

test('two browsers and a plain socket talk; lines are cut, and nothing is missing or doubled', async () => {
  const relay = await Relay.start();
  const ann = await (await browsers.open(relay, { colorScheme: 'light' })).enter('ann');
  const bob = await (await browsers.open(relay, { colorScheme: 'dark' })).enter('bob');
  const nc = new Nc(relay.raw);
  await ann.sees('.member .name', 'guest1');
  await bob.sees('.member .name', 'guest1');

  await ann.say('hello from ann');
  await bob.say('hello from bob');
  nc.say('hello from nc');
  for (const text of ['ann', 'bob', 'nc']) await nc.hears(`hello from ${text}`);
  await agree([ann, bob], nc);
  await ann.page.waitForSelector('[data-state=sent]');

  // One is cut off, and writes on; the others talk on.
  ann.wire.cut();
  await ann.isDown();
  await ann.say('into the void');
  await ann.page.waitForSelector('[data-state=waiting]');
  await bob.say('where is ann?');
  await nc.hears('where is ann?');
  nc.say(...lines(40, 'while ann is away'));
  await bob.hears('while ann is away 40');
  await ann.picture('line-lost');
  await ann.isAccessible('without a line');
  ann.wire.mend();
  await ann.isLive();
  await ann.isTold('Back. 41 missed messages recovered');
  await ann.picture('line-back');
  await nc.hears('into the void');
  await agree([ann, bob], nc);

  // Both are cut off in the middle of what they say, again and again.
  for (let round = 1; round <= 3; round += 1) {
    nc.say(...lines(10, `before cut ${round},`));
    await Promise.all([ann.say(`ann in round ${round}`), bob.say(`bob in round ${round}`)]);
    ann.wire.cut();
    bob.wire.cut();
    nc.say(...lines(10, `after cut ${round},`));
    await nc.hears(`after cut ${round}, 10`);
    for (const person of [ann, bob]) await person.isDown();
    await Promise.all([ann.reconnects(), bob.reconnects()]);
    for (const name of ['ann', 'bob']) await nc.hears(`${name} in round ${round}`);
  }
  await agree([ann, bob], nc);

  // What was said without its acknowledgement coming back is said again, and heard once.
  for (let round = 1; round <= 3; round += 1) {
    ann.wire.deafen();
    await ann.say(`did you hear ${round}?`);
    await nc.hears(`did you hear ${round}?`);
    ann.wire.cut();
    await ann.isDown();
    await ann.reconnects();
    await ann.hears(`did you hear ${round}?`);
  }
  await ann.say('then all is well');
  await nc.hears('then all is well');
  await agree([ann, bob], nc);
  assert.equal(nc.heard.length, 3 + 2 + 40 + 3 * 22 + 3 + 1);
  await ann.isAccessible('in a conversation');
  await bob.isAccessible('in a conversation, at night');
  nc.close();
});

test('a restarted relay is told of, and the conversation goes on by itself', async () => {
  const relay = await Relay.start();
  const ann = await (await browsers.open(relay)).enter('ann');
  const bob = await (await browsers.open(relay)).enter('bob');
  await bob.say('before');
  await ann.hears('before');
  await relay.stop();
  await ann.isDown();
  await bob.isDown();
  await ann.say('while it was down');
  await ann.page.waitForSelector('#banner button');
  await ann.picture('restart-down');
  await relay.again();
  for (const person of [ann, bob]) {
    await person.isLive();
    await person.hears('while it was down');
    await person.isTold('Back. Something may be missing');
    const [told] = await person.texts('.hole.is-told');
    assert.match(told, /began anew.*could not be recovered; how much that is, nobody knows/u);
    assert.deepEqual((await person.log()).map(([, text]) => text), ['before', 'while it was down']);
  }
  await ann.picture('restart-back');
  await ann.isAccessible('after a restart');
  await bob.say('after');
  await ann.hears('after');
});

test('a relay that stops in order says so, and what it forgot meanwhile is counted', async () => {
  const relay = await Relay.start({ options: ['--history-messages', '10', '--drain-grace', '1s'] });
  const ann = await (await browsers.open(relay)).enter('ann');
  const nc = new Nc(relay.raw);
  nc.say('first');
  await ann.hears('first');
  ann.wire.cut();
  await ann.isDown();
  nc.say(...lines(30, 'line'));
  await nc.hears('line 30');
  ann.wire.mend();
  await ann.hears('line 21');
  const [told] = await ann.texts('.hole.is-told');
  assert.match(told, /^20 messages are missing here: said while the connection was down/u);
  assert.deepEqual((await ann.log()).map(([offset]) => offset), [1, ...lines(10, '').map((_, index) => 22 + index)]);
  await ann.isTold('Back. 20 messages could not be recovered');
  await ann.picture('hole');
  const stopped = relay.stop('SIGTERM');
  await ann.isTold('The relay is about to restart');
  await stopped;
  nc.close();
});

test('a page that is too slow is told what it lost, where it lost it', async () => {
  const options = ['--backlog', '256K', '--history-messages', '10', '--send-buffer', '16K'];
  const relay = await Relay.start({ options });
  const ann = await (await browsers.open(relay)).enter('ann');
  const nc = new Nc(relay.raw);
  nc.say('first');
  await ann.hears('first');
  ann.wire.stall();
  // More than any kernel holds for a socket that is not read; in pieces, because `nc` reads it, too.
  const long = 'x'.repeat(4_000);
  for (let piece = 1; piece <= 50; piece += 1) {
    nc.say(...lines(40, long), `piece ${piece}`);
    await nc.hears(`piece ${piece}`);
  }
  nc.say('last');
  ann.wire.flow();
  await ann.hears('last');
  const told = await ann.texts('.hole.is-told');
  const lost = told.map((text) => {
    const [, number] = /^([\d,]+) messages are missing here: this connection was too slow/u.exec(text);
    return Number(number.replaceAll(',', ''));
  });
  const offsets = (await ann.log()).map(([offset]) => offset);
  const holes = offsets.slice(1).map((offset, index) => offset - offsets[index] - 1);
  assert.deepEqual(holes.filter((length) => length > 0), lost);
  assert.deepEqual([offsets[0], offsets.at(-1)], [1, 1 + 50 * 41 + 1]);
  nc.close();
});

test('history loads upwards, and what is looked at stays where it is', async () => {
  const relay = await Relay.start();
  const nc = new Nc(relay.raw);
  nc.say(...lines(700, 'line'));
  await nc.hears('line 700');
  const ann = await (await browsers.open(relay)).enter('ann');
  await ann.hears('line 700');
  const { page } = ann;
  assert.ok((await ann.log()).length < 200, 'only the newest are loaded');

  // Reads back to the beginning, half a screen at a time.
  while (!(await page.locator('.start').isVisible())) {
    const moved = await page.evaluate(async () => {
      const log = document.getElementById('log');
      const frames = (count) => new Promise((resolve) => {
        const next = () => (count-- > 0 ? requestAnimationFrame(next) : resolve());
        next();
      });
      log.scrollTop = Math.max(0, log.scrollTop - 400);
      const { top } = log.getBoundingClientRect();
      // Not the very first: it is drawn anew when others come before it.
      const seen = [...log.querySelectorAll('[data-offset]')].slice(1)
        .find((message) => message.getBoundingClientRect().top > top + 100);
      const before = seen.getBoundingClientRect().top;
      await frames(4);
      return seen.isConnected ? Math.abs(seen.getBoundingClientRect().top - before) : Infinity;
    });
    assert.ok(moved <= 2, `what was looked at moved by ${moved} px`);
  }
  await ann.hears('line 1');
  assert.ok(await page.locator('.entry').count() <= 501, 'the page does not hold everything');
  const log = await ann.log();
  assert.deepEqual(log.map(([offset]) => offset), log.map((_, index) => index + 1));

  nc.say('and meanwhile');
  await ann.sees('#jump-words', '1 new message');
  await ann.picture('reading-back');
  await ann.isAccessible('reading back');
  await page.click('#jump');
  await ann.hears('and meanwhile');
  nc.close();
});

test('a flood is taken as it comes', async () => {
  const relay = await Relay.start();
  const ann = await (await browsers.open(relay)).enter('ann');
  const nc = new Nc(relay.raw);
  nc.say(...lines(20_000, 'drop'));
  await ann.hears('drop 20000');
  assert.ok(await ann.page.locator('.entry').count() <= 501);
  const log = await ann.log();
  assert.deepEqual(log.map(([offset]) => offset), log.map((_, index) => 20_001 - log.length + index));
  await ann.say('still here');
  await ann.hears('still here');
  nc.close();
});

test('what anybody says stays text', async () => {
  const relay = await Relay.start();
  const name = '<i>eve</i>';
  const ann = await (await browsers.open(relay, { at: `#${encodeURIComponent('<b>tea</b>')}` })).enter('ann');
  const eve = await (await browsers.open(relay, { at: `#${encodeURIComponent('<b>tea</b>')}` })).enter(name);
  const attacks = [
    '<script>window.hacked = 1</script>',
    '<img src=x onerror="window.hacked = 1">',
    '"><svg onload=window.hacked=1>',
    '<a href="javascript:window.hacked=1">click</a> javascript:window.hacked=1',
    '&lt;b&gt; &amp; &#60;',
    'https://a.example/"onmouseover="window.hacked=1',
    '\u202Etxt.exe\u202C {{constructor.constructor("window.hacked=1")()}}',
  ];
  for (const attack of attacks) {
    await eve.say(attack);
    await ann.hears(attack);
  }
  await ann.sees('.member .name', name);
  await ann.sees('.message .sender', name);
  await ann.sees('#room-name', '#<b>tea</b>');
  const { page } = ann;
  assert.equal(await page.locator('.message :is(script, img, b, i, a[href^="javascript"], [onmouseover])').count(), 0);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  const link = page.locator('.body a');
  assert.deepEqual(await link.evaluateAll((all) => all.map((a) => [a.textContent, a.rel, a.target])),
    [['https://a.example/', 'noopener noreferrer', '_blank']]);
  await ann.picture('stays-text');
});

test('what is no text is shown for what it is', async () => {
  const relay = await Relay.start();
  const ann = await (await browsers.open(relay)).enter('ann');
  const nc = new Nc(relay.raw);
  nc.say(Buffer.from([0xff, 0x00, 0x80]), '\x1b[31mred\x1b[0m', '', 'x'.repeat(5_000));
  await ann.hears('ff 00 80binary, 3 bytes');
  await ann.hears('^[[31mred^[[0mnot plain text, 12 bytes');
  await ann.hears('empty message');
  await ann.page.getByRole('button', { name: 'Show all 5,000 characters' }).click();
  await ann.hears('x'.repeat(5_000));
  nc.close();
});

test('a big room is counted, not named', async () => {
  const relay = await Relay.start({ options: ['--presence-members', '2'] });
  const people = [];
  for (const name of ['ann', 'bob', 'zoe']) {
    people.push(await (await browsers.open(relay)).enter(name));
  }
  const [ann, bob, zoe] = people;
  await ann.sees('#member-note', '3 members: too many to name');
  await zoe.sees('#member-note', '3 members: too many to name');
  await bob.page.click('#leave');
  await until('the two that are left are named', async () =>
    (await ann.texts('.member .name')).join() === 'ann,zoe');
});

test('two people talk alone: found by their name, counted, answered, and honest about a lost line', async () => {
  const relay = await Relay.start();
  const ann = await (await browsers.open(relay, { colorScheme: 'light' })).enter('ann');
  const bob = await (await browsers.open(relay, { colorScheme: 'dark' })).enter('bob');
  const zoe = await (await browsers.open(relay)).enter('zoë');
  await ann.sees('.member .name', 'bob');

  // By a member's name, with keys alone.
  await ann.page.getByRole('button', { name: 'bob', exact: true }).focus();
  await ann.page.keyboard.press('Enter');
  await ann.sees('#room-name', 'bob');
  assert.ok(await ann.page.locator('#words').evaluate((words) => words === document.activeElement));
  assert.match(ann.page.url(), /#\/with\/bob$/u);
  await ann.picture('alone-begun');
  await ann.isAccessible('alone with somebody, before the first word');
  await ann.page.keyboard.type('psst, <b>bob</b>');
  await ann.page.keyboard.press('Enter');
  await ann.page.waitForSelector('[data-state=sent]');
  await ann.hears('psst, <b>bob</b>');

  // The other is in the room meanwhile, and goes on from there.
  await bob.sees('#people .label', 'ann');
  await bob.sees('#people .badge.is-mention', '1 unread');
  await until('the title counts', async () => await bob.page.title() === '(1) #lobby · hobnob');
  await until('it is read aloud', async () =>
    (await bob.texts('#announcer p')).includes('ann, to you alone: psst, <b>bob</b>'));
  await bob.picture('alone-unread');
  await bob.isAccessible('with something unread from one person');
  await bob.page.keyboard.press('Alt+ArrowDown');
  await bob.sees('#room-name', 'ann');
  await bob.sees('.rule.is-new', 'New messages');
  await bob.say('what is it?');
  await ann.hears('what is it?');
  await bob.picture('alone-dark');
  await ann.picture('alone-light');
  await bob.isAccessible('alone with somebody, at night');
  await ann.isAccessible('alone with somebody');

  // By a command, from wherever one is; and from IRC. Whoever clicks while the page is drawn is not called back.
  await bob.page.evaluate(() => {
    document.querySelector('#room-list .room-link').click();
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await bob.sees('#room-name', '#lobby');
  await bob.say('/msg ZOë hello there');
  await bob.sees('#room-name', 'ZOë');
  await zoe.page.click('#people .room-link');
  await zoe.hears('hello there');
  // However quickly one goes on, before the page has turned: not a word of it to the room.
  await bob.page.evaluate(() => {
    const words = document.getElementById('words');
    for (const text of ['/msg ann quick', 'and quicker', '/me is off to see zoë', '/msg zoë and back']) {
      words.value = text;
      words.form.requestSubmit();
    }
  });
  await zoe.hears('and back');
  for (const text of ['quick', 'and quicker', '* bob is off to see zoë']) await ann.hears(text);
  // What is no command is not said either, unless that is meant.
  await bob.say('/frobnicate it');
  await bob.sees('#words-problem', 'There is no /frobnicate. /help lists what there is; to say it, write //frobnicate');
  assert.equal(await bob.page.inputValue('#words'), '/frobnicate it');
  await bob.say('/join #tea');
  await bob.sees('#room-name', '#tea');
  await bob.say('//nick robert');
  await bob.hears('/nick robert');
  await bob.say('/leave');
  await bob.sees('#room-name', 'ann');
  await bob.say('/msg zoë');
  await bob.sees('#room-name', 'ZOë');
  await zoe.say('hello');
  await bob.hears('hello');
  await bob.sees('#room-name', 'zoë');
  const op = new Nc(relay.irc);
  op.say('NICK op', 'USER op 0 * :op', 'AWAY :tea', 'PRIVMSG ann :from IRC');
  await ann.page.click('#people .room-link:has-text("op")');
  await ann.hears('from IRC');
  await ann.say('to IRC');
  await ann.sees('.presence', 'op is away: tea');
  await until('IRC has it', () => op.heard.some((line) => line.endsWith('PRIVMSG op :to IRC')));
  op.close();
  await until('op is gone', async () => {
    await ann.say('still there?');
    return ann.page.locator('[data-state=refused]').count();
  });
  await ann.sees('[data-state=refused] .fate span', 'Not sent: nobody of that name is here');
  await ann.picture('alone-refused');
  await ann.isAccessible('with a private message that was refused');

  // A plain socket cannot be told.
  const nc = new Nc(relay.raw);
  await ann.say('/msg guest1 psst');
  await ann.sees('[data-state=refused] .fate span', 'Not sent: that person\'s client takes no private messages');
  nc.close();

  // What the lost line leaves unclear is said to be so; what is written then waits.
  await ann.page.click('#people .room-link:has-text("bob")');
  await ann.sees('#room-name', 'bob');
  ann.wire.deafen();
  await ann.say('did you hear this?');
  await bob.page.click('#people .room-link:has-text("ann")');
  await bob.hears('did you hear this?');
  ann.wire.cut();
  await ann.isDown();
  await ann.sees('[data-state=refused] .fate span', 'Perhaps not sent: the connection was lost before the relay answered');
  await ann.say('I am back');
  await ann.page.waitForSelector('[data-state=waiting]');
  await ann.reconnects();
  await bob.hears('I am back');
  await ann.hears('I am back');

  // A reload keeps it, and closing it does not.
  await ann.page.reload();
  await ann.isLive();
  await ann.sees('#room-name', 'bob');
  await ann.hears('what is it?');
  await ann.page.setViewportSize(NARROW);
  await ann.picture('alone-narrow');
  await ann.page.click('#rooms-open');
  await ann.page.waitForSelector('#rooms.is-open');
  await ann.picture('alone-narrow-rooms');
  await ann.isAccessible('narrow, with people');
  await ann.page.keyboard.press('Escape');
  await ann.page.setViewportSize(WIDE);
  for (const name of ['bob', 'op', 'guest1']) {
    await ann.page.click(`#people .room-link:has-text("${name}")`);
    await ann.sees('#room-name', name);
    await ann.page.click('#leave');
  }
  await ann.sees('#room-name', '#lobby');
  assert.ok(await ann.page.locator('#people').isHidden());
});

test('a room with a key is joined by its name and the key', async () => {
  const relay = await Relay.start();
  const operator = new Nc(relay.irc);
  operator.say('NICK op', 'USER op 0 * :op', 'JOIN #vault', 'MODE #vault +k sesame');
  await until('the room has a key', () => operator.heard.some((line) => line.includes('+k')));
  const ann = await (await browsers.open(relay)).enter('ann');
  await ann.page.fill('#join-name', 'vault');
  await ann.page.press('#join-name', 'Enter');
  await ann.isTold('vault: that room has a key, and that was not it. Write it behind the name of the room');
  await ann.page.fill('#join-name', 'vault sesame');
  await ann.page.press('#join-name', 'Enter');
  await ann.sees('#room-name', '#vault');
  await ann.sees('.member .name', 'op');
  await ann.page.reload();
  await ann.isLive();
  await ann.sees('.member .name', 'op');
  operator.close();
});

test('who is put out of a room is told', async () => {
  const relay = await Relay.start();
  const operator = new Nc(relay.irc);
  operator.say('NICK op', 'USER op 0 * :op', 'JOIN #tea');
  await until('the operator is in', () => operator.heard.some((line) => line.includes('JOIN')));
  const ann = await (await browsers.open(relay, { at: '#tea' })).enter('ann');
  await ann.join('coffee');
  await ann.sees('.member .name', 'ann');
  operator.say('KICK #tea ann :enough');
  await ann.isTold('op put you out of tea: enough');
  await until('the room is gone', async () => (await ann.texts('.room-link .label')).join() === 'coffee');
  operator.close();
});

test('rooms count what is unread, keep it across a reload, and are left', async () => {
  const relay = await Relay.start();
  const ann = await (await browsers.open(relay)).enter('ann');
  const bob = await (await browsers.open(relay)).enter('bob');
  await ann.join('tea');
  assert.match(ann.page.url(), /#tea$/u);
  for (const text of ['one', 'two', '@ann three']) await bob.say(text);
  await ann.sees('.badge.is-mention', '3 unread');
  await until('the title counts', async () => await ann.page.title() === '(3) #tea · hobnob');
  await ann.picture('unread');
  await ann.isAccessible('with unread messages');

  await ann.page.reload();
  await ann.isLive();
  await ann.sees('#me-name', 'ann');
  await ann.sees('.badge', '3 unread');
  await ann.page.click('.room-link:has-text("lobby")');
  await ann.sees('.rule.is-new', 'New messages');
  await until('nothing is unread', async () => await ann.page.title() === '#lobby · hobnob');
  const order = await ann.page.$$eval('.rule.is-new, [data-offset] .body',
    (nodes) => nodes.map((node) => node.textContent));
  assert.deepEqual(order, ['New messages', 'one', 'two', '@ann three']);

  await ann.page.click('#leave');
  await ann.sees('#room-name', '#tea');
  assert.deepEqual(await ann.texts('.room-link .label'), ['tea']);
  await bob.sees('.presence', 'ann left');
  await until('bob is alone', async () => (await bob.texts('.member .name')).length === 1);

  // Keys alone will do.
  await bob.page.keyboard.press('Tab');
  await bob.join('coffee');
  await bob.page.keyboard.press('Alt+ArrowUp');
  await bob.sees('#room-name', '#lobby');
  assert.ok(await bob.page.locator('#words').evaluate((words) => words === document.activeElement));
});

test('refusals are told: a name, a message too long, a room that is moderated', async () => {
  const options = ['--limit-loopback', 'true', '--rate-burst', '4', '--rate-every', '1s', '--max-message', '100'];
  const relay = await Relay.start({ options });
  const ann = await (await browsers.open(relay)).enter('ann');
  const bob = await browsers.open(relay);
  await bob.page.fill('#naming-name', 'Ann');
  await bob.page.press('#naming-name', 'Enter');
  await bob.sees('#naming-problem', 'Somebody here has that name already.');
  await bob.picture('name-taken');
  await bob.isAccessible('with a name that is taken');
  await bob.enter('bob');

  await ann.page.fill('#words', 'ä'.repeat(60));
  await ann.sees('#words-problem', 'Too long by 10 characters');
  assert.ok(await ann.page.locator('#send').isDisabled());
  await ann.isAccessible('with a message that is too long');

  const operator = new Nc(relay.irc);
  operator.say('NICK op', 'USER op 0 * :op', 'JOIN #tea', 'MODE #tea +m');
  await until('the room is moderated', () => operator.heard.some((line) => line.includes('+m')));
  await ann.join('tea');
  await ann.sees('.member .name', 'op');
  await ann.say('may I?');
  const refused = ann.page.locator('[data-state=refused]');
  await refused.first().waitFor();
  assert.match((await ann.texts('[data-state=refused] .fate span'))[0], /^Not sent: .*moderated/u);
  await ann.picture('refused');
  await ann.isAccessible('with a refused message');
  operator.say('MODE #tea -m');
  await until('it is said after all', async () => {
    if (await refused.count() > 0) await refused.first().getByText('Try again').click();
    return (await ann.log()).length === 1;
  });
  await ann.hears('may I?');
  operator.close();
});

test('lines written while away, and faster than the relay allows, go out in order and without a click', async () => {
  const options = ['--limit-loopback', 'true', '--rate-burst', '4', '--rate-every', '200ms'];
  const relay = await Relay.start({ options });
  const ann = await (await browsers.open(relay)).enter('ann');
  const bob = await (await browsers.open(relay)).enter('bob');
  ann.wire.cut();
  await ann.isDown();
  for (const text of lines(15, 'away')) await ann.say(text);
  await ann.sees('#words-progress', '15 messages to send');
  await ann.reconnects();
  await until('progress is shown', async () =>
    (await ann.texts('#words-progress'))[0].startsWith('Sending, as fast as the relay allows: '));
  await ann.picture('queue');
  await ann.isAccessible('with a queue');
  for (const text of lines(20, 'live')) await ann.say(text);
  await bob.hears('live 20');
  const said = (await bob.log()).map(([, text]) => text);
  assert.deepEqual(said, [...lines(15, 'away'), ...lines(20, 'live')]);
  await until('nothing is left', async () => await ann.page.locator('[data-state]:not([data-state=sent])').count() === 0);
  assert.equal(await ann.page.locator('[data-state=refused]').count(), 0);
  await ann.sees('#words-progress', '');
});

test('a command in capital letters is a command, and a line with a slash is never said', async () => {
  const relay = await Relay.start();
  const ann = await (await browsers.open(relay)).enter('ann');
  const bob = await (await browsers.open(relay)).enter('bob');
  await bob.sees('.member .name', 'ann');
  await bob.say('/Msg @ann secret');
  await bob.sees('#room-name', 'ann');
  await bob.say('/LEAVE');
  await bob.sees('#room-name', '#lobby');
  await bob.say('/ME waves');
  for (const line of ['/Mgs ann secret', '/usr/bin/env', '／secret', '  /kick ann']) {
    await bob.say(line);
    await until('it says why', async () => (await bob.texts('#words-problem'))[0] !== '');
    assert.equal(await bob.page.inputValue('#words'), line);
  }
  await bob.sees('#words-problem', '/kick works in IRC clients only. /help lists what there is here');
  await bob.say('//usr/bin/env');
  await ann.hears('/usr/bin/env');
  assert.deepEqual((await ann.log()).map(([, text]) => text), ['* bob waves', '/usr/bin/env']);
  await bob.say('/help');
  await bob.sees('#sheet-title', 'Commands and keys');
  await bob.picture('help');
  await bob.isAccessible('with the commands');
  await bob.page.setViewportSize(NARROW);
  await bob.picture('help-narrow');
  await bob.page.keyboard.press('Escape');
  await bob.page.waitForSelector('#sheet', { state: 'hidden' });
});

test('rooms that there are can be listed and entered', async () => {
  const relay = await Relay.start();
  const ann = await (await browsers.open(relay, { at: '#tea' })).enter('ann');
  const bob = await (await browsers.open(relay, { colorScheme: 'dark' })).enter('bob');
  await until('the first in a room knows that it is operator', async () =>
    (await ann.texts('.start p'))[0]?.includes('You are the first here'));
  await bob.say('/list');
  await bob.sees('.sheet-room', '#tea1 member');
  await bob.picture('rooms-list');
  await bob.isAccessible('with the list of rooms');
  await bob.page.click('.sheet-room:has-text("#tea")');
  await bob.sees('#room-name', '#tea');
  await bob.sees('.member .name', 'ann');
  assert.ok(!(await bob.texts('.start p'))[0].includes('operator'));
  await bob.page.click('#list');
  await bob.sees('#sheet-title', 'All rooms');
});

test('another name is taken on the live connection, and a refused one changes nothing', async () => {
  const relay = await Relay.start();
  const ann = await (await browsers.open(relay)).enter('ann');
  const bob = await (await browsers.open(relay)).enter('bob');
  await bob.sees('.member .name', 'ann');
  await ann.page.click('#me-name');
  await ann.page.fill('#naming-name', 'bob');
  await ann.page.press('#naming-name', 'Enter');
  await ann.sees('#naming-problem', 'Somebody here has that name already.');
  assert.ok(await ann.page.locator('#line[data-phase=live]').isVisible());
  await ann.isAccessible('with another name refused');
  await ann.picture('rename-taken');
  await ann.page.click('#naming-cancel');
  await ann.say('still ann');
  await bob.hears('still ann');
  assert.deepEqual(await bob.texts('.presence'), []);
  await ann.say('/nick zoë');
  await ann.isTold('You are zoë now');
  await bob.say('welcome, zoë');
  await ann.say('thank you');
  await bob.hears('thank you');
  await bob.sees('.message .sender', 'zoë');
  assert.deepEqual((await ann.log()).map(([, text]) => text), ['still ann', 'welcome, zoë', 'thank you']);
  await until('nobody is called ann any more', async () => (await bob.texts('.member .name')).join() === 'bob,zoë');
  await until('the same for her', async () => (await ann.texts('.member .name')).join() === 'zoë,bob');
  await ann.say('/nick bob');
  await ann.isTold('bob: somebody here has that name already');
  await ann.sees('#me-name', 'zoë');
  await ann.page.reload();
  await ann.isLive();
  await ann.sees('#me-name', 'zoë');
});

test('a name of two words has one of them offered, and Escape twice leaves a way in', async () => {
  const relay = await Relay.start();
  const ann = await browsers.open(relay);
  await ann.page.waitForSelector('#naming[open]');
  for (let press = 0; press < 4; press += 1) {
    await ann.page.keyboard.press('Escape');
    await ann.page.waitForSelector('#naming[open]');
  }
  await ann.page.fill('#naming-name', 'Ann Lee');
  await ann.page.press('#naming-name', 'Enter');
  await ann.sees('#naming-problem', 'A name has no spaces, commas or invisible characters, and is not very long. Ann_Lee would do.');
  assert.equal(await ann.page.inputValue('#naming-name'), 'Ann_Lee');
  await ann.picture('name-offered');
  await ann.page.press('#naming-name', 'Enter');
  await ann.isLive();
  await ann.sees('#me-name', 'Ann_Lee');
  await ann.page.fill('#join-name', 'my own room');
  await ann.page.press('#join-name', 'Enter');
  await ann.isTold('my own room: The name of a room has no spaces, commas or invisible characters, and is not very long. my_own_room would do');
});

test('nothing half composed is sent, in the order of Safari either', async () => {
  const relay = await Relay.start();
  const ann = await (await browsers.open(relay)).enter('ann');
  await ann.page.fill('#words', 'にほんg');
  await ann.page.evaluate(() => {
    const words = document.getElementById('words');
    words.dispatchEvent(new CompositionEvent('compositionend', { bubbles: true }));
    words.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true, cancelable: true }));
  });
  assert.equal(await ann.page.inputValue('#words'), 'にほんg');
  await ann.page.fill('#join-name', 'おちゃ');
  const isTaken = await ann.page.evaluate(() => !document.getElementById('join-name').dispatchEvent(
    new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true, cancelable: true })));
  assert.ok(isTaken, 'nor is a room entered whose name is half composed');
  await ann.page.fill('#join-name', '');
  await ann.page.fill('#words', '日本語');
  await ann.page.press('#words', 'Enter');
  await ann.hears('日本語');
  assert.deepEqual((await ann.log()).map(([, text]) => text), ['日本語']);
});

test('a draft is kept across a reload, for each room; an indented paste stays indented', async () => {
  const relay = await Relay.start();
  const ann = await (await browsers.open(relay)).enter('ann');
  await ann.page.fill('#words', 'for the lobby');
  await ann.join('tea');
  await ann.page.fill('#words', 'for tea');
  await ann.page.reload();
  await ann.isLive();
  await ann.sees('#room-name', '#tea');
  assert.equal(await ann.page.inputValue('#words'), 'for tea');
  await ann.page.click('.room-link:has-text("lobby")');
  await ann.sees('#room-name', '#lobby');
  assert.equal(await ann.page.inputValue('#words'), 'for the lobby');
  await ann.say('\n    if (x) {\n      y();\n    }\n');
  await ann.hears('    if (x) {\n      y();\n    }');
});

test('on a touch screen Enter sends, as its key says, and Send keeps the keyboard', async () => {
  const relay = await Relay.start();
  const ann = await browsers.open(relay, { viewport: NARROW, hasTouch: true, isMobile: true });
  await ann.page.fill('#naming-name', 'ann');
  await ann.page.tap('#naming-form [type=submit]');
  await ann.page.waitForSelector('#line[data-phase=live]', { state: 'attached' });
  assert.ok(await ann.page.evaluate(() => matchMedia('(hover: none) and (pointer: coarse)').matches));
  await ann.page.tap('#words');
  await ann.page.keyboard.type('by Enter');
  await ann.page.keyboard.press('Enter');
  await ann.hears('by Enter');
  await ann.page.keyboard.type('by Send');
  await ann.page.tap('#send');
  await ann.hears('by Send');
  assert.equal(await ann.page.evaluate(() => document.activeElement.id), 'words');
  // A keyboard that does not tell its keys.
  await ann.page.keyboard.type('by a line break');
  await ann.page.evaluate(() => document.getElementById('words').dispatchEvent(
    new InputEvent('beforeinput', { inputType: 'insertLineBreak', bubbles: true, cancelable: true })));
  await ann.hears('by a line break');
  assert.equal(await ann.page.inputValue('#words'), '');
});

test('where nothing may be stored the theme holds for the visit', async () => {
  const relay = await Relay.start();
  const ann = await browsers.open(relay, { colorScheme: 'dark' });
  await ann.page.addInitScript(() => {
    for (const name of ['localStorage', 'sessionStorage']) {
      Object.defineProperty(window, name, { get: () => { throw new DOMException('blocked', 'SecurityError'); } });
    }
  });
  await ann.page.reload();
  await ann.enter('ann');
  await ann.page.click('#theme');
  assert.equal(await ann.page.evaluate(() => document.documentElement.dataset.theme), 'light');
  await ann.page.click('#theme');
  assert.equal(await ann.page.evaluate(() => document.documentElement.dataset.theme), 'dark');
  await ann.page.click('#theme');
  assert.equal(await ann.page.evaluate(() => document.documentElement.dataset.theme), undefined);
});

test('a relay that is gone is told of once, however often it is tried', async () => {
  const relay = await Relay.start();
  const ann = await (await browsers.open(relay)).enter('ann');
  await ann.page.evaluate(() => {
    window.told = [];
    for (const region of document.querySelectorAll('[role=status], [aria-live=polite], [role=alert]')) {
      new MutationObserver(() => told.push(region.textContent)).observe(region, { childList: true, characterData: true, subtree: true });
    }
  });
  ann.wire.cut();
  await ann.page.waitForSelector('#banner button');
  const tries = new Set();
  for (let look = 0; look < 40; look += 1) {
    tries.add((await ann.texts('#banner-due'))[0]);
    await ann.page.waitForTimeout(100);
  }
  assert.ok(tries.size > 2, [...tries].join());
  assert.deepEqual(await ann.page.evaluate(() => told),
    ['Connection lost. What you write now is sent as soon as it is back.']);
  await ann.reconnects();
});

test('a link shows where it leads, and nothing turns its direction', async () => {
  const relay = await Relay.start();
  const ann = await (await browsers.open(relay)).enter('ann');
  await ann.say('\u202Ehttps://a.example/gpj.exe and https://аррӏе.com/ and `https://b.example/c_` in #tea');
  const links = ann.page.locator('.body a');
  await links.first().waitFor();
  const seen = await links.evaluateAll((all) => all.map((a) =>
    [a.textContent, a.getAttribute('href'), getComputedStyle(a).unicodeBidi, getComputedStyle(a).direction]));
  assert.deepEqual(seen, [
    ['https://a.example/gpj.exe', 'https://a.example/gpj.exe', 'isolate', 'ltr'],
    ['https://xn--80ak6aa92e.com/', 'https://xn--80ak6aa92e.com/', 'isolate', 'ltr'],
    ['https://b.example/c_', 'https://b.example/c_', 'isolate', 'ltr'],
    ['#tea', '#tea', 'isolate', 'ltr'],
  ]);
  await ann.picture('links');
  await links.last().click();
  await ann.sees('#room-name', '#tea');
  await ann.page.goBack();
  await ann.sees('#room-name', '#lobby');
});

test('Back leads through the rooms that were joined by the form', async () => {
  const relay = await Relay.start();
  const ann = await (await browsers.open(relay)).enter('ann');
  await ann.join('tea');
  await ann.join('coffee');
  await ann.say('/join cake');
  await ann.sees('#room-name', '#cake');
  for (const room of ['#coffee', '#tea', '#lobby']) {
    await ann.page.goBack();
    await ann.sees('#room-name', room);
  }
  await ann.page.goForward();
  await ann.sees('#room-name', '#tea');
});

test('several messages are copied with time and name apart, and nothing else', async () => {
  const relay = await Relay.start();
  const ann = await (await browsers.open(relay, { locale: 'de-DE' })).enter('ann');
  const bob = await (await browsers.open(relay)).enter('bob');
  await bob.sees('.member .name', 'ann');
  await bob.say('one');
  await ann.hears('one');
  await ann.say('two');
  await ann.say('/me waves');
  await ann.hears('* ann waves');
  await until('all is sent', async () => await ann.page.locator('[data-state=sent]').count() === 2);
  const copy = (from, to) => ann.page.evaluate(([first, last]) => {
    const bodies = [...document.querySelectorAll('.message .body')];
    getSelection().setBaseAndExtent(bodies[first].firstChild, first === last ? 0 : 1, bodies[last].lastChild, bodies[last].lastChild.length);
    const data = new DataTransfer();
    const event = new ClipboardEvent('copy', { clipboardData: data, bubbles: true, cancelable: true });
    bodies[first].dispatchEvent(event);
    return [event.defaultPrevented, data.getData('text/plain')];
  }, [from, to]);
  const [isOurs, text] = await copy(0, 2);
  assert.ok(isOurs);
  assert.match(text, /^\[\d\d:\d\d\] bob: ne\n\[\d\d:\d\d\] ann: two\n\[\d\d:\d\d\] \* ann waves$/u);
  assert.deepEqual(await copy(1, 1), [false, ''], 'one message is copied as it stands');
});

test('the last own line comes back by a key, and names complete themselves', async () => {
  const relay = await Relay.start();
  const ann = await (await browsers.open(relay)).enter('ann');
  const bob = await (await browsers.open(relay)).enter('bob');
  await ann.sees('.member .name', 'bob');
  const written = () => ann.page.inputValue('#words');
  for (const text of ['first', 'second']) {
    await ann.say(text);
    await ann.hears(text);
  }
  await ann.page.press('#words', 'ArrowUp');
  assert.equal(await written(), 'second');
  await ann.page.press('#words', 'ArrowUp');
  assert.equal(await written(), 'first');
  for (const line of ['second', '']) {
    await ann.page.press('#words', 'ArrowDown');
    assert.equal(await written(), line);
  }
  await ann.page.keyboard.type('b');
  await ann.page.keyboard.press('Tab');
  assert.equal(await written(), 'bob: ');
  await ann.page.keyboard.type('hi @');
  await ann.sees('#names li', 'bob');
  await ann.picture('names');
  await ann.isAccessible('with names offered');
  await ann.page.keyboard.press('Enter');
  assert.equal(await written(), 'bob: hi @bob ');
  await ann.page.keyboard.press('Enter');
  await bob.hears('bob: hi @bob');
  // Where there is nothing to complete, Tab goes on.
  await ann.page.keyboard.press('Tab');
  assert.notEqual(await ann.page.evaluate(() => document.activeElement.id), 'words');
});

test('who is elsewhere and is meant is notified, if they want, and the icon shows it', async () => {
  const relay = await Relay.start();
  const ann = await browsers.open(relay);
  await ann.page.addInitScript(() => {
    window.notified = [];
    window.Notification = class {
      static permission = 'default';
      static requestPermission = async () => (Notification.permission = 'granted');
      constructor(title, { body }) { notified.push([title, body]); }
    };
    document.hasFocus = () => false;
  });
  await ann.page.reload();
  await ann.enter('ann');
  const bob = await (await browsers.open(relay)).enter('bob');
  await bob.say('@ann not yet');
  await ann.hears('@ann not yet');
  await ann.page.click('#alerts');
  await ann.isTold('You are notified when somebody means you');
  for (const text of ['to nobody', '@ann to you']) await bob.say(text);
  await bob.say('/msg ann psst');
  await until('it notifies', () => ann.page.evaluate(() => notified.length === 2));
  assert.deepEqual(await ann.page.evaluate(() => notified), [['bob in #lobby', '@ann to you'], ['bob', 'psst']]);
  await ann.page.waitForSelector('#favicon[href="icon-unread.svg"]', { state: 'attached' });
});

test('a message has an address, which shows it', async () => {
  const relay = await Relay.start();
  const nc = new Nc(relay.raw);
  nc.say(...lines(300, 'line'));
  await nc.hears('line 300');
  const ann = await (await browsers.open(relay)).enter('ann');
  await ann.hears('line 300');
  const href = await ann.page.locator('[data-offset="300"] .when').getAttribute('href');
  assert.match(href, /^#lobby\/[\da-f]{16}-300$/u);
  const bob = await (await browsers.open(relay, { at: href.replace(/300$/u, '20') })).enter('bob');
  await bob.page.waitForSelector('[data-offset="20"].is-found');
  await until('it is in sight', () => bob.page.evaluate(() => {
    const { top, bottom } = document.querySelector('.is-found').getBoundingClientRect();
    return top > 0 && bottom < innerHeight;
  }));
  await bob.picture('found');
  await bob.isAccessible('with a message found');
  await bob.page.evaluate((hash) => { location.hash = hash; }, href.replace(/[\da-f]{16}-300$/u, '0000000000000000-5'));
  await bob.isTold('The relay does not keep that message any more');
  nc.close();
});

test('the page starts without a network, and goes on when there is one', async () => {
  const relay = await Relay.start();
  const ann = await (await browsers.open(relay)).enter('ann');
  const bob = await (await browsers.open(relay)).enter('bob');
  await ann.page.evaluate(() => navigator.serviceWorker.ready);
  await until('the page is kept', () => ann.page.evaluate(() => navigator.serviceWorker.controller !== null));
  ann.wire.cut();
  await ann.isDown();
  await ann.page.fill('#words', 'half a thought');
  await ann.page.reload();
  await ann.sees('#room-name', '#lobby');
  await ann.sees('#me-name', 'ann');
  assert.equal(await ann.page.inputValue('#words'), 'half a thought');
  await ann.say('written without a network');
  await ann.page.waitForSelector('#banner button');
  await ann.picture('offline');
  await ann.reconnects();
  await bob.hears('written without a network');
});

test('two tabs of one person do not throw each other out for ever', async () => {
  const relay = await Relay.start();
  const ann = await (await browsers.open(relay)).enter('ann');
  // A duplicated tab brings what the tab keeps: the key, too.
  const person = await ann.page.evaluate(() => {
    dispatchEvent(new Event('pagehide'));
    return sessionStorage.getItem('hobnob.person');
  });
  const other = await ann.context.newPage();
  await other.addInitScript((kept) => sessionStorage.setItem('hobnob.person', kept), person);
  await other.goto(ann.page.url());
  await other.waitForSelector('#line[data-phase=live]');
  await ann.sees('#banner p', 'You are connected from somewhere else under this name.');
  await ann.isAccessible('replaced');
  await ann.page.click('#banner button');
  await ann.isLive();
  await other.waitForSelector('#line[data-phase=ended]');
});

test('it looks right in both sizes and both themes', async () => {
  const relay = await Relay.start();
  const ann = await browsers.open(relay, { colorScheme: 'light' });
  await ann.picture('naming-wide-light');
  await ann.isAccessible('asked for a name');
  await ann.enter('ann');
  const bob = await (await browsers.open(relay)).enter('bob');
  const zoe = await (await browsers.open(relay)).enter('zoë');
  const nc = new Nc(relay.raw);
  await ann.sees('.member .name', 'guest1');
  for (const room of ['rust', 'c10k', 'tea']) await ann.join(room);
  await ann.page.click('.room-link:has-text("lobby")');
  await bob.join('c10k');
  for (const text of ['anybody measuring?', '@ann the machine is quiet now']) await bob.say(text);
  await bob.page.click('.room-link:has-text("lobby")');

  const talk = [
    [ann, 'Morning. Did the relay survive the night?'],
    [bob, 'It did. Ten thousand members in one room, 372 bytes each.'],
    [bob, 'A few thousand of them stopped reading at three. Nobody else noticed: the numbers are at https://relay.example/c10k'],
    [zoe, 'And those who came back?'],
    [bob, 'Got exactly what they had missed, in order.\nTwo were away too long. They were told how much is gone.'],
    [ann, '@zoë I will restart it in a minute; leave your tab open, it comes back by itself.'],
  ];
  for (const [person, text] of talk) {
    await person.say(text);
    await ann.hears(text);
  }
  nc.say('I am in nc, and I see all of this');
  await zoe.hears('I am in nc, and I see all of this');
  await zoe.say('Hello there, nc!');
  await ann.hears('Hello there, nc!');
  await ann.sees('.badge.is-mention', '2 unread');

  for (const theme of ['light', 'dark']) {
    await ann.page.emulateMedia({ colorScheme: theme });
    await ann.page.setViewportSize(WIDE);
    await ann.picture(`wide-${theme}`);
    await ann.isAccessible(`wide, ${theme}`);
    await ann.page.setViewportSize(NARROW);
    await ann.picture(`narrow-${theme}`);
    await ann.isAccessible(`narrow, ${theme}`);
    for (const side of ['rooms', 'members']) {
      await ann.page.click(`#${side}-open`);
      await ann.page.waitForSelector(`#${side}.is-open`);
      await ann.picture(`narrow-${side}-${theme}`);
      await ann.isAccessible(`narrow, ${side}, ${theme}`);
      await ann.page.keyboard.press('Escape');
    }
  }
  // Whoever chooses a theme has it whatever the system says.
  await ann.page.setViewportSize(WIDE);
  await ann.page.emulateMedia({ colorScheme: 'dark' });
  await ann.page.click('#theme');
  await ann.page.reload();
  await ann.isLive();
  assert.equal(await ann.page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(255, 255, 255)');
  nc.close();
});
