// An OpenID Connect provider with new keys at each start. It says its port once it listens, and ends with the test that holds
// its standard input. Each client is a person, and chooses audience and algorithm by the resource it names.
import { createServer } from 'node:http';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';

const [modules, port] = process.argv.slice(2);
const { default: Provider } = await import(createRequire(`${modules}/`).resolve('oidc-provider'));

const key = (type, options, rest) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', ...rest,
});
const keys = [
  key('rsa', { modulusLength: 2048 }, {}),
  key('ec', { namedCurve: 'P-256' }, { alg: 'ES256' }),
  key('ed25519', {}, { alg: 'EdDSA' }),
];
const client = (client_id) => ({
  client_id, client_secret: 'throwaway', grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
});

const server = createServer();
server.listen(Number(port), '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    jwks: { keys },
    clients: ['mara', 'olga', 'ada'].map(client),
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        // urn:<audience>:<algorithm>:<seconds>
        getResourceServerInfo(_, resource) {
          const [, audience, alg, seconds] = resource.split(':');
          return {
            scope: '', audience, accessTokenTTL: Number(seconds), accessTokenFormat: 'jwt', jwt: { sign: { alg } },
          };
        },
      },
    },
  });
  server.on('request', provider.callback());
  console.log(server.address().port);
});
process.stdin.resume().on('end', () => process.exit(0));
