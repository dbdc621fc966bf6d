import dns from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { config, isLoopback } from '../config';

const special = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  special.addSubnet(network, bits, 'ipv4');
}
for (const [network, bits] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  special.addSubnet(network, bits, 'ipv6');
}
const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');

/** Whether an IP address belongs to the public internet; mapped, tunnelled and reserved ones do not. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 4) return !special.check(address, 'ipv4');
  return isIP(address) === 6 && globalUnicast.check(address, 'ipv6') && !special.check(address, 'ipv6');
}

// The addresses that pass are the ones connected to, so no second answer of the DNS can slip in between.
const lookupOnly =
  (isAllowed: (address: string) => boolean, kind: string): LookupFunction =>
  (hostname, options, callback) => {
    dns.lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      const refused = addresses.find(({ address }) => !isAllowed(address));
      const [first] = addresses;
      if (refused || !first) return callback(new Error(`${hostname} is not at ${kind}`), []);
      if (options.all) return callback(null, addresses);
      callback(null, first.address, first.family);
    });
  };

/** A DNS lookup for a connection that fails unless every answer is a public address. */
export const lookupPublic = lookupOnly(isPublicAddress, 'a public address');

const lookupLoopback = lookupOnly(isLoopback, 'a loopback address');

/**
 * The lookup for a download from `address`, which `firstAddress` led to; throws unless it may be asked.
 * Public https only; outside production also loopback, if the provider's own link leads there.
 */
export function lookupFor(address: string, firstAddress: string): LookupFunction {
  const { protocol, hostname, username, password } = new URL(address);
  if (username || password) throw new Error('the download address carries a password');
  if (!config.isProduction && isLoopback(new URL(firstAddress).hostname) && isLoopback(hostname)) {
    if (!/^https?:$/.test(protocol)) throw new Error(`the download address begins with ${protocol}`);
    return lookupLoopback;
  }
  const literal = hostname.replace(/^\[|\]$/g, '');
  if (protocol !== 'https:') throw new Error('the download address is not https');
  if (isIP(literal) && !isPublicAddress(literal)) throw new Error('the download address is not public');
  return lookupPublic;
}
