/**
 * Keeps the files of the page, so that it starts without a network: what was written and read before is
 * there, and the relay is waited for. The relay is asked first, always; what is kept is for when it does
 * not answer. Messages never come through here.
 */

const CACHE = 'hobnob';

/** Time for the network to answer while the file is kept here. */
const PATIENCE_MS = 4_000;

const FILES = [
  './',
  'alerts.js', 'announcer.js', 'app.css', 'app.js', 'candidate.js', 'catch-up.js', 'chat.js',
  'commands.js', 'completion.js', 'connection.js', 'conversation.js', 'copying.js', 'dom.js',
  'drawers.js', 'icon-unread.svg', 'icon.svg', 'links.js', 'names.js', 'outbox.js', 'pace.js',
  'person.js', 'recall.js', 'room.js', 'saved.js', 'storage.js', 'text.js', 'theme.js', 'timeline.js',
  'view-composer.js', 'view-entry.js', 'view-line.js', 'view-log.js', 'view-members.js',
  'view-names.js', 'view-naming.js', 'view-rooms.js', 'view-sheet.js',
];

const addresses = new Set(FILES.map((file) => new URL(file, self.registration.scope).href));

self.addEventListener('install', (event) => {
  const kept = caches.open(CACHE).then((cache) => cache.addAll(addresses));
  event.waitUntil(kept.then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  url.hash = '';
  if (event.request.method === 'GET' && addresses.has(url.href)) event.respondWith(answer(event, url.href));
});

/** The file as the relay has it, or as it was kept. */
async function answer(event, address) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(address);
  const asked = fetch(event.request).then((response) => {
    if (response.ok) event.waitUntil(cache.put(address, response.clone()));
    return response;
  });
  if (!kept) return asked;
  const tooLate = new Promise((resolve) => {
    setTimeout(resolve, PATIENCE_MS, kept);
  });
  return Promise.race([asked.catch(() => kept), tooLate]);
}
