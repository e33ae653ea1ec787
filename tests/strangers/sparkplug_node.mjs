// node sparkplug_node.mjs PORT DEVICE CA CERT KEY: the edge node plant/line by npm's sparkplug-client, with two
// devices behind it, pump and press. Does what lines on standard input say, as JSON, and prints what happens:
//   {"do": "data", "to": DEVICE|null, "metrics": [...]}      NDATA or DDATA
//   {"do": "swapped", "to": ..., "first": [...], "then": [...]}  the second of two messages before the first
//   {"do": "gap"}                                            a number that never comes
import fs from "node:fs";
import readline from "node:readline";
import sparkplug from "sparkplug-client";

const [port, device, ca, cert, key] = process.argv.slice(2);
const say = (what) => fs.writeSync(1, what + "\n");
let births = 0;

const client = sparkplug.newClient({
  serverUrl: `mqtts://localhost:${port}`, username: device, password: "none", clientId: device,
  groupId: "plant", edgeNode: "line", version: "spBv1.0", keepalive: 5,
  mqttOptions: {
    ca: fs.readFileSync(ca), cert: fs.readFileSync(cert), key: fs.readFileSync(key), reconnectPeriod: 200,
  },
});

// Every alias is another one than in the birth before.
function be_born() {
  const alias = 100 * ++births;
  client.publishNodeBirth({ timestamp: Date.now(), metrics: [
    { name: "Node Control/Rebirth", type: "Boolean", value: false },
    { name: "temperature", type: "Double", value: 20 + births, alias: alias + 1,
      properties: { engUnit: { type: "String", value: "Cel" } } },
    { name: "state", type: "String", value: "running", alias: alias + 2 },
  ] });
  client.publishDeviceBirth("pump", { timestamp: Date.now(), metrics: [
    { name: "flow", type: "Int32", value: -births, alias: alias + 3 },
    { name: "level", type: "Float", value: 0.5, alias: alias + 4,
      properties: { Quality: { type: "Int32", value: 64 } } },
  ] });
  client.publishDeviceBirth("press", { timestamp: Date.now(), metrics: [
    { name: "force", type: "Double", value: births, alias: alias + 5 },
  ] });
  say(`born ${births}`);
}

// Metrics by the place of their alias, as an edge node sends them: without names.
const payload = (metrics) => ({ timestamp: Date.now(), metrics: metrics.map(
  ({ place, ...metric }) => ({ type: "Double", ...metric, alias: 100 * births + place })) });
const send = (to, metrics) =>
  to ? client.publishDeviceData(to, payload(metrics)) : client.publishNodeData(payload(metrics));

const deeds = {
  data: ({ to, metrics }) => send(to, metrics),
  swapped: ({ to, first, then }) => {
    const seq = client.seq % 256;
    client.seq = (seq + 1) % 256;
    send(to, then);
    client.seq = seq;
    send(to, first);
    client.seq = (seq + 2) % 256;
  },
  gap: () => { client.seq = (client.seq + 1) % 256; },
};

client.on("birth", () => { client.subscribeTopic("spBv1.0/STATE/+", { qos: 1 }); be_born(); });
client.on("ncmd", (command) => {
  say("ncmd " + command.metrics.map(({ name, value }) => `${name}=${value}`).join(" "));
  be_born();
});
// sparkplug-client takes every message for a payload of its own, and STATE is none: it is heard here.
client.client.removeAllListeners("message");
client.client.on("message", (topic, message) => {
  if (topic.startsWith("spBv1.0/STATE/")) return say(`state ${topic.slice(14)} ${message}`);
  client.emit("ncmd", client.decodePayload(message));
});
client.on("close", () => say("closed"));
client.on("error", (error) => { say("refused " + error.message); process.exit(1); });
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const order = JSON.parse(line);
  deeds[order.do](order);
  say(`did ${order.do}`);
});
