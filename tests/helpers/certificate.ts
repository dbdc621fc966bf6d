import { generateKeyPairSync, sign } from 'node:crypto';

const der = (tag: number, ...parts: (Buffer | string)[]): Buffer => {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
  const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
};
const [integer, bits, oid, text, utcTime, time, sequence, set] = [0x02, 0x03, 0x06, 0x0c, 0x17, 0x18, 0x30, 0x31];

/** A certificate for one host that signed itself, and its key, both as PEM. */
export function selfSigned(host = 'localhost'): { cert: string; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = der(sequence, der(oid, '\x2a\x86\x48\xce\x3d\x04\x03\x02'));
  const name = der(sequence, der(set, der(sequence, der(oid, '\x55\x04\x03'), der(text, host))));
  const validity = der(sequence, der(utcTime, '200101000000Z'), der(time, '99991231235959Z'));
  const publicInfo = publicKey.export({ type: 'spki', format: 'der' });
  const facts = der(sequence, der(integer, '\x01'), algorithm, name, validity, name, publicInfo);
  const signature = der(bits, '\0', sign('sha256', facts, privateKey));
  const body = der(sequence, facts, algorithm, signature)
    .toString('base64')
    .replace(/.{64}(?!$)/g, '$&\n');
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
