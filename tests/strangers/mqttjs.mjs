// node mqttjs.mjs mqtts|wss PORT VERSION DEVICE CA CERT KEY: MQTT.js with a device's certificate. Hears
// the retained desired document, publishes at QoS 0, 1 and 2, is refused another device's topic.
import fs from "node:fs";
import mqtt from "mqtt";

const [protocol, port, version, device, ca, cert, key] = process.argv.slice(2);
const client = mqtt.connect({
  protocol, host: "localhost", port: Number(port), path: "/mqtt", protocolVersion: Number(version),
  clientId: device + "-js", ca: fs.readFileSync(ca), cert: fs.readFileSync(cert), key: fs.readFileSync(key),
  reconnectPeriod: 0,
});
const fail = (error) => { console.error(error); process.exit(1); };
client.on("error", fail);
const desired = new Promise((resolve) => client.on("message", (topic, payload) => resolve([topic, JSON.parse(payload)])));
client.on("connect", async () => {
  try {
    await client.subscribeAsync(`mw/v1/${device}/desired`, { qos: 1 });
    const [topic, document] = await desired;
    if (topic !== `mw/v1/${device}/desired` || !("generation" in document)) fail("not the desired document: " + topic);
    for (let i = 0; i < 21; ++i)
      await client.publishAsync(`mw/v1/${device}/data/js`, JSON.stringify({ signal: "pressure", t: 1767600000000000000 + i * 1e9, v: i / 10 }), { qos: i % 3 });
    await client.endAsync();
    console.log("ok");
    process.exit(0);
  } catch (error) { fail(error); }
});
setTimeout(() => fail("nothing within 20 s"), 20000);
