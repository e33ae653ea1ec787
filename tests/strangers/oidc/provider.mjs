// node provider.mjs CONFIG: an OpenID provider over TLS, as oidc-provider is. CONFIG is JSON: port (0: any), cert, key
// (files), keys (a file with a private JWK set), client, audience, resource, people (name to groups), seconds (an
// access token's life). Prints {"port"} when it listens.
import fs from "node:fs";
import https from "node:https";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node 18
const { Provider } = await import("oidc-provider");
const config = JSON.parse(fs.readFileSync(process.argv[2]));
const server = https.createServer({ cert: fs.readFileSync(config.cert), key: fs.readFileSync(config.key) });
await new Promise((done) => server.listen(config.port, "localhost", done));
const port = server.address().port;
const provider = new Provider(`https://localhost:${port}`, {
  jwks: JSON.parse(fs.readFileSync(config.keys)),
  clients: [{
    client_id: config.client, token_endpoint_auth_method: "none", application_type: "native", response_types: ["code"],
    grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
    redirect_uris: ["http://127.0.0.1/callback"],
  }],
  cookies: { keys: ["of a test"] },
  findAccount: (_, id) => (id in config.people ? { accountId: id, claims: async () => ({ sub: id }) } : undefined),
  extraTokenClaims: (_, token) => ({ realm: { groups: config.people[token.accountId] ?? [] } }),
  features: {
    devInteractions: { enabled: true }, deviceFlow: { enabled: true }, revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => {
        if (resource !== config.resource) throw new Error("no such resource: " + resource);
        return { scope: "", audience: config.audience, accessTokenTTL: config.seconds, accessTokenFormat: "jwt",
          jwt: { sign: { alg: "RS256" } } };
      },
    },
  },
});
provider.on("server_error", (_, error) => console.error(error));
server.on("request", provider.callback());
console.log(JSON.stringify({ port }));
