// Events through npm's `eventsource`.
//
//     NODE_PATH=target/libraries/node_modules node eventsource_client.cjs HTTP_PORT
const assert = require("node:assert");
const { EventSource } = require("eventsource");
const { version } = require("eventsource/package.json");

const room = `http://127.0.0.1:${process.argv[2]}/rooms/sse-js`;
const texts = ["hello", "grüße", "a\nb"];
const heard = [];
const late = setTimeout(() => { console.error("nothing more comes", heard); process.exit(1); }, 20_000);

const source = new EventSource(`${room}/events?name=eve`);
source.addEventListener("joined", async () => {
  for (const text of texts) {
    const answer = await fetch(`${room}/messages?sender=ann`, { method: "POST", body: text, headers: { "Content-Type": "text/plain" } });
    assert.strictEqual(answer.status, 201);
  }
});
source.addEventListener("message", (event) => {
  heard.push(JSON.parse(event.data).text);
  assert.match(event.lastEventId, /^[0-9a-f]{16}-\d+$/);
  if (heard.length < texts.length) return;
  assert.deepStrictEqual(heard, texts);
  source.close();
  clearTimeout(late);
  console.log(`npm eventsource ${version}: understood`);
});
