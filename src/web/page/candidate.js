/**
 * A second line to the relay, under another name. The protocol has no verb for taking another name, so a
 * name is asked for on a line of its own, and the old line is kept until the name is granted.
 */

/** Time for the relay to answer. */
const ANSWER_MS = 10_000;

export class Candidate {
  #clock;
  #socket;
  #timer;
  #told;
  /** The frame that granted the name, once it came. */
  welcome = null;

  /**
   * @param {object} world `open` and `clock`, as a `Connection` has them.
   * @param {object} hello The frame that asks for the name.
   * @param {object} told Whom to tell, once: `granted()`, or `refused({code, text})`.
   */
  constructor({ open, clock }, hello, told) {
    this.#clock = clock;
    this.#told = told;
    this.#socket = open();
    this.#socket.onopen = () => this.#write(hello);
    this.#socket.onmessage = ({ data }) => this.#received(JSON.parse(data));
    this.#socket.onclose = () => this.#refused({});
    this.#timer = clock.setTimeout(() => this.#refused({}), ANSWER_MS);
  }

  /** The socket, for whoever goes on with it. */
  take() {
    this.#clock.clearTimeout(this.#timer);
    return this.#socket;
  }

  /** Nobody wants the name any more. */
  close() {
    this.#clock.clearTimeout(this.#timer);
    this.#socket.onclose = null;
    this.#socket.onmessage = null;
    this.#socket.close();
  }

  #received(frame) {
    if (frame.type === 'welcome') {
      this.#clock.clearTimeout(this.#timer);
      this.welcome = frame;
      this.#told.granted();
    } else if (frame.type === 'ping') {
      this.#write({ type: 'pong', token: frame.token });
    } else if (frame.type === 'error' || frame.type === 'bye') {
      this.#refused(frame);
    }
  }

  #refused({ code, text = 'the relay does not answer' }) {
    this.close();
    this.#told.refused({ code, text });
  }

  #write(frame) {
    this.#socket.send(JSON.stringify(frame));
  }
}
