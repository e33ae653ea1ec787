// node segments.mjs FILE...: reads segment files with hyparquet and prints rows as JSON lines of
// [device, signal, time in ns, value, quality].
import fs from "node:fs";
import { parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";

const ns = (time) => (typeof time === "bigint" ? time : BigInt(time.getTime()) * 1000000n).toString();
for (const path of process.argv.slice(2)) {
  const bytes = fs.readFileSync(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  for (const row of await parquetReadObjects({ file, compressors }))
    console.log(JSON.stringify([row.device, row.signal, ns(row.time), row.m === null || row.m === undefined ? row.raw : Number(row.m) / row.d, Number(row.quality)]));
}
