/** Where the line to the relay stands: beside one's own name, and across the room if it is down. */

import { byId, element, setText } from './dom.js';
import { Code } from './connection.js';
import { count, initialOf } from './text.js';
import { paint } from './view-entry.js';

/** A line that is down for less than this is nobody's concern. */
const PATIENCE_MS = 600;

/** How long a notice stays. */
const NOTICE_MS = 5_000;

const PHASES = {
  idle: 'Not connected',
  connecting: 'Connecting…',
  live: 'Live',
  waiting: 'Reconnecting…',
  nameless: 'Not connected',
  ended: 'Not connected',
};

export class LineView {
  #chat;
  #banner = byId('banner');
  #downSince = null;
  #timer = null;

  constructor(chat) {
    this.#chat = chat;
  }

  render() {
    const { state, name } = this.#chat;
    setText(byId('me-name'), name || 'You');
    byId('me-name').title = 'Choose another name';
    setText(byId('me-avatar'), name ? initialOf(name) : '');
    paint(byId('me-avatar'), name);
    byId('line').dataset.phase = state.phase;
    setText(byId('line'), PHASES[state.phase]);
    this.#renderBanner(state);
  }

  /** Tells something once. */
  notice({ tone, text }) {
    const notice = element('p', { class: 'notice', 'data-tone': tone }, text);
    byId('notices').append(notice);
    setTimeout(() => notice.remove(), NOTICE_MS);
  }

  #renderBanner(state) {
    clearTimeout(this.#timer);
    if (state.phase === 'live') this.#downSince = null;
    else this.#downSince ??= Date.now();
    const missed = this.#chat.catchingUp;
    if (missed > 0) {
      return this.#show('plain', `Catching up: ${count(missed, 'missed message')}`);
    }
    switch (state.phase) {
      case 'ended':
        return this.#show('bad', ...endOf(state).concat(() => this.#chat.retryNow()));
      case 'waiting':
      case 'connecting':
        return this.#down(state);
      default:
        return this.#show('plain', '');
    }
  }

  /** Says that the line is down, once it has been for a while, and when the next try is due. */
  #down({ phase, text, retryAt }) {
    const patience = this.#downSince + PATIENCE_MS - Date.now();
    if (patience > 0) {
      this.#show('plain', '');
      this.#later(patience);
    } else if (phase === 'connecting') {
      this.#show('warn', 'Connecting to the relay…');
    } else {
      const why = text ? `Connection lost: ${text}.` : 'Connection lost.';
      this.#show('warn', `${why} What you write now is sent as soon as it is back.`,
        'Try now', () => this.#chat.retryNow());
      const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1_000));
      setText(this.#banner.querySelector('button'), `Try now (${seconds} s)`);
      this.#later(1_000);
    }
  }

  #later(ms) {
    this.#timer = setTimeout(() => this.render(), ms);
  }

  #show(tone, text, label, click) {
    this.#banner.dataset.tone = tone;
    if (text === '') return this.#banner.replaceChildren();
    if (this.#banner.querySelector('p')?.textContent === text) return undefined;
    this.#banner.replaceChildren(element('p', {}, text));
    if (label) this.#banner.append(element('button', { type: 'button', click }, label));
    return undefined;
  }
}

/** What a line ended for that does not come back by itself, and what to do about it. */
function endOf({ code, text }) {
  return code === Code.replaced
    ? ['You are connected from somewhere else under this name.', 'Use it here']
    : [`The relay ended the connection: ${text}.`, 'Connect again'];
}
