/** Text for the clipboard: a line for each message, with its time and its sender. */

/** Messages in the page, in order, of which a selection holds something. */
const messagesIn = (list, range) =>
  [...list.querySelectorAll('.message')].filter((message) => range.intersectsNode(message));

/** Returns the part of an element that a selection holds. */
function partOf(node, range) {
  if (!range.intersectsNode(node)) return '';
  const part = range.cloneRange();
  if (range.comparePoint(node, 0) >= 0) part.setStart(node, 0);
  if (range.comparePoint(node, node.childNodes.length) <= 0) part.setEnd(node, node.childNodes.length);
  return part.toString();
}

/**
 * Writes a selection of messages as text.
 *
 * @returns {string|null} Null if it is within one message, which is copied as it stands.
 */
export function copied(list, selection) {
  if (selection.rangeCount === 0 || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0);
  const messages = messagesIn(list, range);
  if (messages.length < 2) return null;
  const lines = messages.map((message) => {
    const words = partOf(message.querySelector('.body'), range);
    const { sender, clock } = message.dataset;
    const isAction = message.querySelector('.action') !== null;
    return words === '' ? '' : `[${clock}] ${isAction ? words : `${sender}: ${words}`}`;
  });
  return lines.filter(Boolean).join('\n');
}
