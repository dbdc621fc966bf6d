import dns from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { config, isLoopback } from '../config';

/** In a network that resolves names only at its proxy, a local DNS query may hang. */
const proxiedLookupMs = 5000;

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

/** Whether an IP address is on the public internet; mapped, tunnelled and reserved ones are not. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 4) return !special.check(address, 'ipv4');
  return isIP(address) === 6 && globalUnicast.check(address, 'ipv6') && !special.check(address, 'ipv6');
}

// Fake addresses that local proxies (Clash, mihomo, sing-box, Surge) return for every name to route by it; nothing else uses them.
const fakeAnswers = new BlockList();
fakeAnswers.addSubnet('198.18.0.0', 15, 'ipv4');
fakeAnswers.addSubnet('2001:2::', 48, 'ipv6');
const nat64 = new BlockList();
nat64.addSubnet('64:ff9b::', 96, 'ipv6');
// This machine, and the metadata services of clouds.
const ownAddresses = new BlockList();
ownAddresses.addSubnet('0.0.0.0', 8, 'ipv4');
ownAddresses.addSubnet('127.0.0.0', 8, 'ipv4');
ownAddresses.addSubnet('169.254.0.0', 16, 'ipv4');
ownAddresses.addAddress('::', 'ipv6');
ownAddresses.addAddress('::1', 'ipv6');
ownAddresses.addSubnet('fe80::', 10, 'ipv6');

/** Whether an IP address is in a list. */
export const isIn = (list: BlockList, address: string) => list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6');

/**
 * Whether the DNS may return this address for a public name: a public address, a proxy's fake one, or a NAT64 address that
 * maps to a public one. Only the certificate then proves the host.
 */
export function isPublicAnswer(address: string): boolean {
  if (isPublicAddress(address)) return true;
  return isIn(nat64, address) ? isPublicAddress(embeddedIpv4(address)) : isIn(fakeAnswers, address);
}

/** The IPv4 address in the last 32 bits of an IPv6 one. */
function embeddedIpv4(address: string): string {
  // URL normalizes an IPv6 address to compressed hexadecimal.
  const groups = new URL(`http://[${address}]`).hostname.replace(/^\[|\]$/g, '').split(':');
  const [high = 0, low = 0] = groups.slice(-2).map((group) => parseInt(group || '0', 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** Refuses a download that would reach this machine or its network; `sentence` is for people. */
export class AddressRefusal extends Error {
  constructor(
    cause: string,
    readonly sentence: string,
  ) {
    super(cause);
  }
}

const privateSentence = (host: string) =>
  `this machine resolves ${host} to a private address, from which provider files are never downloaded; correct its DNS, or set HTTPS_PROXY to a proxy that resolves it correctly`;

// The connection uses the checked addresses, so that no later DNS answer can replace them.
const lookupOnly =
  (isAllowed: (address: string) => boolean, kind: string): LookupFunction =>
  (hostname, options, callback) => {
    dns.lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      // Some proxies return a private IPv6 address beside the fake one; the fake one is enough.
      const fakes = addresses.filter(({ address }) => isIn(fakeAnswers, address));
      const answers = fakes.length > 0 ? fakes : addresses;
      const refused = answers.find(({ address }) => !isAllowed(address));
      const [first] = answers;
      if (refused || !first) {
        const found = refused ? ` but at ${refused.address}` : '';
        return callback(new AddressRefusal(`${hostname} is not at ${kind}${found}`, privateSentence(hostname)), []);
      }
      if (options.all) return callback(null, answers);
      callback(null, first.address, first.family);
    });
  };

/** A DNS lookup for a connection; fails unless every address passes `isPublicAnswer`. */
export const lookupPublic = lookupOnly(isPublicAnswer, 'a public address');

const lookupLoopback = lookupOnly(isLoopback, 'a loopback address');

/**
 * The lookup for a download from `address`, reached from `firstAddress`; throws unless that is allowed: public https, or
 * outside production also loopback if the provider itself and its first link are on loopback.
 */
export function lookupFor(address: string, firstAddress: string, baseUrl?: string): LookupFunction {
  const { protocol, hostname, username, password } = new URL(address);
  if (username || password) throw new Error('the download address carries a password');
  const isLocalProvider = [baseUrl, firstAddress].every((url) => url && isLoopback(new URL(url).hostname));
  if (!config.isProduction && isLocalProvider && isLoopback(hostname)) {
    if (!/^https?:$/.test(protocol)) throw new Error(`the download address begins with ${protocol}`);
    return lookupLoopback;
  }
  if (protocol !== 'https:') throw new Error('the download address is not https');
  const literal = hostname.replace(/^\[|\]$/g, '');
  if (isLoopback(hostname) || (isIP(literal) && !isPublicAddress(literal))) {
    const sentence = `its link leads to ${hostname}, a private address, from which provider files are never downloaded; if the network rewrites addresses, set HTTPS_PROXY to a proxy that resolves them correctly`;
    throw new AddressRefusal('the download address is not public', sentence);
  }
  return lookupPublic;
}

/**
 * Throws if this machine resolves a name meant for a proxy to itself. Other private addresses pass, since they may be another
 * proxy's fake ones, and so does a name that this machine cannot resolve.
 */
export async function checkProxied(address: string): Promise<void> {
  const { hostname } = new URL(address);
  const answers = await Promise.race([
    dns.promises.lookup(hostname.replace(/^\[|\]$/g, ''), { all: true }).catch(() => []),
    sleep(proxiedLookupMs, [], { ref: false }),
  ]);
  const refused = answers.find((answer) => isIn(ownAddresses, answer.address));
  if (!refused) return;
  const sentence = `this machine resolves ${hostname} to an address of its own, from which provider files are never downloaded, not even through a proxy; correct its DNS`;
  throw new AddressRefusal(`${hostname} is at ${refused.address}`, sentence);
}
