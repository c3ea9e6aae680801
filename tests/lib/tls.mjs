// A node's RPC behind TLS, as a public node has it behind a web server.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Cable } from './cable.mjs';

/**
 * A certificate of `localhost` that nobody vouches for, and its key:
 * `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj /CN=localhost -addext
 * basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:localhost -keyout localhost.key -out localhost.crt`
 */
const [CERTIFICATE, KEY] = ['localhost.crt', 'localhost.key'].map((file) =>
  fileURLToPath(new URL(`tls/${file}`, import.meta.url)));

/** What has a program trust the certificate. */
export const TRUSTED = { SSL_CERT_FILE: CERTIFICATE };

/** A cable whose near end speaks TLS. */
export function behindTls(port) {
  const keys = { key: readFileSync(KEY), cert: readFileSync(CERTIFICATE) };
  return new Cable(port, (forward) => createServer(keys, forward));
}
