// node forge.mjs keys FILE: writes a private JWK set with a new key.
// node forge.mjs tokens FILE ISSUER AUDIENCE: a JSON object of tokens, one good and the others not, signed with its key.
import fs from "node:fs";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node 18
const jose = await import("jose");
const [what, file, issuer, audience] = process.argv.slice(2);
if (what === "keys") {
  const { privateKey } = await jose.generateKeyPair("RS256", { extractable: true });
  const jwk = await jose.exportJWK(privateKey);
  jwk.kid = await jose.calculateJwkThumbprint(jwk);
  fs.writeFileSync(file, JSON.stringify({ keys: [{ ...jwk, use: "sig", alg: "RS256" }] }), { mode: 0o600 });
} else {
  const [jwk] = JSON.parse(fs.readFileSync(file)).keys;
  const key = await jose.importJWK(jwk, "RS256");
  const { kty, n, e, kid } = jwk;
  const pem = await jose.exportSPKI(await jose.importJWK({ kty, n, e }, "RS256", { extractable: true }));
  const stranger = await jose.generateKeyPair("RS256", { extractable: true });
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: issuer, aud: audience, sub: "mallory", exp: now + 600, iat: now, realm: { groups: ["bosses"] } };
  const sign = (more, header = {}, by = key) =>
    new jose.SignJWT({ ...claims, ...more }).setProtectedHeader({ alg: "RS256", kid, ...header }).sign(by);
  const flat = (header, body, signature) =>
    [JSON.stringify(header), JSON.stringify(body)].map((part) => jose.base64url.encode(part)).join(".") + "." + signature;
  const shared = (secret) => sign({}, { alg: "HS256" }, new TextEncoder().encode(secret));
  const good = await sign({});
  const own = await jose.exportJWK(stranger.publicKey);
  console.log(JSON.stringify({
    good,
    "wrong audience": await sign({ aud: "another-hub" }),
    "no audience": await sign({ aud: undefined }),
    "wrong issuer": await sign({ iss: "https://evil.example" }),
    expired: await sign({ exp: now - 120, iat: now - 720 }),
    "not yet": await sign({ nbf: now + 600 }),
    endless: await sign({ exp: now + 10 * 366 * 86400 }),
    "no end": await sign({ exp: undefined }),
    "an id token": await sign({}, { typ: "id_token+jwt" }),
    "another's key": await sign({}, {}, stranger.privateKey),
    "a key that it brings": await sign({}, { jwk: own }, stranger.privateKey),
    "a key by address": await sign({}, { jku: "https://evil.example/keys" }, stranger.privateKey),
    "alg none": flat({ alg: "none", kid }, claims, ""),
    "alg None, signed": flat({ alg: "None", kid }, claims, good.split(".")[2]),
    "the public key as a secret": await shared(pem),
    "the modulus as a secret": await shared(n),
    "the signature of other claims": flat({ alg: "RS256", kid }, { ...claims, sub: "root" }, good.split(".")[2]),
    "no signature": good.split(".").slice(0, 2).join(".") + ".",
  }));
}
