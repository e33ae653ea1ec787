// node mqttjs_there_and_back.mjs ws|mqtt PORT VERSION: MQTT.js without TLS. Publishes small, empty and
// large messages at each QoS and wants each back, in order, at the lower QoS of both sides.
import mqtt from "mqtt";

const [protocol, port, version] = process.argv.slice(2);
const options = { protocol, host: "localhost", port: Number(port), path: "/mqtt", protocolVersion: Number(version), reconnectPeriod: 0 };
const fail = (error) => { console.error(error); process.exit(1); };
setTimeout(() => fail("nothing within 30 s"), 30000);
const bodies = ["", "x", "y".repeat(125), "z".repeat(126), "l".repeat(70000), "m".repeat(300000)];
try {
  const from = await mqtt.connectAsync({ ...options, clientId: "from-" + version });
  const to = await mqtt.connectAsync({ ...options, clientId: "to-" + version });
  for (const wanted of [0, 1, 2]) {
    const got = [];
    let wake;
    to.on("message", (topic, payload, packet) => { got.push([payload.toString(), packet.qos]); wake?.(); });
    await to.subscribeAsync(`hall/${wanted}`, { qos: wanted });
    const sent = [];
    for (const qos of [0, 1, 2])
      for (const body of bodies) {
        sent.push([body, Math.min(qos, wanted)]);
        await from.publishAsync(`hall/${wanted}`, body, { qos });
      }
    while (got.length < sent.length) await new Promise((resolve) => { wake = resolve; });
    if (JSON.stringify(got) !== JSON.stringify(sent)) fail("another sequence came back");
    await to.unsubscribeAsync(`hall/${wanted}`);
    to.removeAllListeners("message");
  }
  await from.endAsync();
  await to.endAsync();
  console.log("ok");
  process.exit(0);
} catch (error) { fail(error); }
