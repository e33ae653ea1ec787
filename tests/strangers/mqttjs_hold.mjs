// node mqttjs_hold.mjs mqtts|wss PORT DEVICE CA CERT KEY: MQTT.js (version 5) that stays until the broker
// sends it away, and prints "connected", then "ended CODE" with the DISCONNECT's reason code.
import fs from "node:fs";
import mqtt from "mqtt";

const [protocol, port, device, ca, cert, key] = process.argv.slice(2);
const client = mqtt.connect({
  protocol, host: "localhost", port: Number(port), path: "/mqtt", protocolVersion: 5, clientId: device + "-" + protocol,
  ca: fs.readFileSync(ca), cert: fs.readFileSync(cert), key: fs.readFileSync(key), reconnectPeriod: 0,
});
let code = "without a word";
client.on("error", (error) => { console.error(error); process.exit(1); });
client.on("connect", () => console.log("connected"));
client.on("disconnect", (packet) => { code = packet.reasonCode; });
client.on("close", () => { console.log("ended " + code); process.exit(0); });
