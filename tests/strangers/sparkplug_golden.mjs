// node sparkplug_golden.mjs FOLDER: writes the payloads of src/protocols/sparkplug/golden with
// sparkplug-payload 1.0.3 (npm), the encoder of Eclipse Tahu. decode_test.cpp says what they mean.
import fs from "node:fs";
import path from "node:path";
import Long from "long";
import sparkplug from "sparkplug-payload";

const { encodePayload } = sparkplug.get("spBv1.0");
const folder = process.argv[2];
const t = 1767600000000;
const table = {
  numOfColumns: 2, types: ["Double", "String"], columns: ["a", "b"], rows: [[1.5, "x"], [2.5, "y"]],
};
const template = {
  isDefinition: true, version: "1", metrics: [{ name: "inner", type: "Int32", value: 1 }],
  parameters: [{ name: "p", type: "Int32", value: 1 }],
};
const payloads = {
  numbers: { timestamp: t, seq: 0, metrics: [
    { name: "bdSeq", type: "UInt64", value: 3 },
    { name: "int8", type: "Int8", value: -5, alias: 1, timestamp: t + 1 },
    { name: "int16", type: "Int16", value: -300, alias: 2 },
    { name: "int32", type: "Int32", value: -70000, alias: 3 },
    { name: "int64", type: "Int64", value: Long.fromString("-9007199254740993"), alias: 4 },
    { name: "uint8", type: "UInt8", value: 255 },
    { name: "uint16", type: "UInt16", value: 65535 },
    { name: "uint32", type: "UInt32", value: 4294967295 },
    { name: "uint64", type: "UInt64", value: Long.fromString("18446744073709551615", true) },
    { name: "float", type: "Float", value: 1.5 },
    { name: "double", type: "Double", value: 0.1 },
    { name: "true", type: "Boolean", value: true },
    { name: "false", type: "Boolean", value: false },
    { name: "date", type: "DateTime", value: t + 2 },
    { name: "nan", type: "Double", value: NaN },
  ] },
  no_numbers: { timestamp: t, seq: 1, metrics: [
    { name: "string", type: "String", value: "run" },
    { name: "text", type: "Text", value: "long run" },
    { name: "uuid", type: "UUID", value: "5f2b7e1a-0000-4000-8000-000000000000" },
    { name: "bytes", type: "Bytes", value: Buffer.from([1, 2, 3]) },
    { name: "file", type: "File", value: Buffer.from("file") },
    { name: "table", type: "DataSet", value: table },
    { name: "template", type: "Template", value: template },
  ] },
  flags: { timestamp: t, seq: 255, metrics: [
    { name: "null", type: "Double", value: null },
    { name: "historical", type: "Double", value: 2, isHistorical: true },
    { name: "transient", type: "Double", value: 3, isTransient: true },
    { name: "stale", type: "Double", value: 4, properties: {
      engUnit: { type: "String", value: "bar" }, Quality: { type: "Int32", value: 500 },
      nested: { type: "PropertySet", value: { Quality: { type: "Int32", value: 0 } } },
    } },
    { name: "bad", type: "Double", value: 5, properties: { Quality: { type: "Int32", value: 0 } } },
    { name: "described", type: "Double", value: 6, metadata: { description: "of a pump", isMultiPart: false } },
  ] },
  death: { timestamp: t, metrics: [{ name: "bdSeq", type: "uint64", value: 7 }] },
};
for (const [name, payload] of Object.entries(payloads))
  fs.writeFileSync(path.join(folder, name + ".bin"), encodePayload(payload));
