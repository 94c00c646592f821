// An OpenID provider that is certified, for the tests of the officers' login.
//
//   node provider.mjs REDIRECT_URI [CLIENT_SECRET]
//
// Prints its address once it listens, at a free port of loopback. Its form takes any name.
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

const [redirect, secret] = process.argv.slice(2);
const { privateKey } = await generateKeyPair('ES256', { extractable: true });
const key = { ...(await exportJWK(privateKey)), kid: 'one', use: 'sig', alg: 'ES256' };
const authentication = secret
  ? { client_secret: secret, token_endpoint_auth_method: 'client_secret_basic' }
  : { token_endpoint_auth_method: 'none' };
const client = {
  client_id: 'hub',
  redirect_uris: [redirect],
  id_token_signed_response_alg: 'ES256',
  ...authentication,
};

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [client],
    jwks: { keys: [key] },
    pkce: { required: () => true },
    cookies: { keys: ['of the tests'] },
    features: { devInteractions: { enabled: true } },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
