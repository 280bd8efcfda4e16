// A scripted conversation through npm's `irc-framework`, over TCP and over WebSocket:
// node irc_framework_client.cjs IRC_PORT HTTP_PORT
const IRC = require("irc-framework");
// Browsers have one; this is the same for Node.
globalThis.WebSocket = require("ws");
const WebSocketTransport = require("irc-framework/src/transports/websocket");

const PATIENCE = 20_000;
const [ircPort, httpPort] = process.argv.slice(2).map(Number);

/** Waits for an event of a client that is like this. */
function hears(client, kind, like = {}) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      reject(new Error(`${client.options.nick} did not hear ${kind} ${JSON.stringify(like)}`));
    }, PATIENCE);
    const listener = (event) => {
      if (Object.entries(like).every(([key, value]) => event[key] === value)) {
        clearTimeout(late);
        client.removeListener(kind, listener);
        resolve(event);
      }
    };
    client.on(kind, listener);
  });
}

async function enters(options) {
  const client = new IRC.Client();
  const welcome = hears(client, "registered");
  client.connect({ auto_reconnect: false, enable_chghost: true, enable_setname: true, enable_echomessage: true, ...options });
  await welcome;
  return client;
}

async function main() {
  const ann = await enters({ host: "127.0.0.1", port: ircPort, nick: "jsann" });
  const bob = await enters({
    host: "127.0.0.1", port: httpPort, path: "/irc", nick: "jsbob", transport: WebSocketTransport,
  });
  let heard = hears(ann, "join", { nick: "jsann", channel: "#js" });
  ann.join("#js");
  await heard;
  heard = Promise.all([hears(ann, "join", { nick: "jsbob" }), hears(bob, "userlist", { channel: "#js" })]);
  bob.join("#js");
  const [, list] = await heard;
  if (list.users.map((user) => user.nick).sort().join(" ") !== "jsann jsbob") {
    throw new Error(`the list of names is ${JSON.stringify(list.users)}`);
  }
  // With echo-message the sender hears it, too; with server-time it has a time.
  heard = Promise.all([
    hears(ann, "privmsg", { nick: "jsann", message: "to the web" }),
    hears(bob, "privmsg", { nick: "jsann", message: "to the web" }),
  ]);
  ann.say("#js", "to the web");
  for (const event of await heard) {
    if (!event.time) throw new Error("a message without its time");
  }
  heard = hears(ann, "privmsg", { nick: "jsbob", message: "grüße from the web", target: "#js" });
  bob.say("#js", "grüße from the web");
  await heard;
  heard = hears(bob, "tagmsg", { nick: "jsann" });
  ann.tagmsg("#js", { "+typing": "active" });
  if ((await heard).tags["+typing"] !== "active") throw new Error("a tag was lost");
  heard = hears(bob, "topic", { topic: "scripts" });
  ann.setTopic("#js", "scripts");
  await heard;
  heard = hears(ann, "away", { nick: "jsbob", message: "lunch" });
  bob.raw("AWAY", "lunch");
  await heard;
  heard = hears(ann, "whois", { nick: "jsbob" });
  ann.whois("jsbob");
  if ((await heard).error) throw new Error("WHOIS found nobody");
  heard = hears(bob, "kick", { kicked: "jsbob", message: "out" });
  ann.raw("KICK", "#js", "jsbob", "out");
  await heard;
  heard = hears(bob, "socket close");
  bob.quit("bye");
  await heard;
  ann.quit("bye");
  console.log("npm's irc-framework: heard everything, over TCP and WebSocket");
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
