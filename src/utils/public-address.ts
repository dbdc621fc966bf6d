import dns from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { config, isLoopback } from '../config';

/** A network that reaches names by its proxy only may let a question to the DNS wait for long. */
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

/** Whether an IP address belongs to the public internet; mapped, tunnelled and reserved ones do not. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 4) return !special.check(address, 'ipv4');
  return isIP(address) === 6 && globalUnicast.check(address, 'ipv6') && !special.check(address, 'ipv6');
}

// What proxies on this machine (Clash, mihomo, sing-box, Surge) answer for every name, to route by it: nothing else lives there.
const fakeAnswers = new BlockList();
fakeAnswers.addSubnet('198.18.0.0', 15, 'ipv4');
fakeAnswers.addSubnet('2001:2::', 48, 'ipv6');
const nat64 = new BlockList();
nat64.addSubnet('64:ff9b::', 96, 'ipv6');
// This machine, and what clouds tell a machine about itself.
const own = new BlockList();
own.addSubnet('0.0.0.0', 8, 'ipv4');
own.addSubnet('127.0.0.0', 8, 'ipv4');
own.addSubnet('169.254.0.0', 16, 'ipv4');
own.addAddress('::', 'ipv6');
own.addAddress('::1', 'ipv6');
own.addSubnet('fe80::', 10, 'ipv6');

/** Whether an IP address is in a list. */
export const isIn = (list: BlockList, address: string) => list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6');

/**
 * Whether the DNS may say that a public name is at this address: a public one, one of a proxy's fake ones, or one of an IPv6-only
 * network (NAT64) that stands for a public one. Only the certificate then proves the host.
 */
export function isPublicAnswer(address: string): boolean {
  if (isPublicAddress(address)) return true;
  return isIn(nat64, address) ? isPublicAddress(embeddedIpv4(address)) : isIn(fakeAnswers, address);
}

/** The IPv4 address in the last 32 bits of an IPv6 one. */
function embeddedIpv4(address: string): string {
  // An address in a URL is written in one way only: in hexadecimal, shortened.
  const groups = new URL(`http://[${address}]`).hostname.replace(/^\[|\]$/g, '').split(':');
  const [high = 0, low = 0] = groups.slice(-2).map((group) => parseInt(group || '0', 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** A download that is not begun, since it would lead to this machine or its network; the sentence is for people. */
export class AddressRefusal extends Error {
  constructor(
    cause: string,
    readonly sentence: string,
  ) {
    super(cause);
  }
}

const privateSentence = (host: string) =>
  `this machine finds ${host} at a private address, from which no file of a provider is fetched; correct its DNS, or set HTTPS_PROXY to a proxy that finds the right one`;

// The addresses that pass are the ones connected to, so no second answer of the DNS can slip in between.
const lookupOnly =
  (isAllowed: (address: string) => boolean, kind: string): LookupFunction =>
  (hostname, options, callback) => {
    dns.lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      // Some proxies answer with a private address of IPv6 beside the fake one, which is enough.
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

/** A DNS lookup for a connection that fails unless every answer may be that of a public name. */
export const lookupPublic = lookupOnly(isPublicAnswer, 'a public address');

const lookupLoopback = lookupOnly(isLoopback, 'a loopback address');

/**
 * The lookup for a download from `address`, which `firstAddress` led to; throws unless it may be asked.
 * Public https only; outside production also loopback, where the provider itself is on loopback and its own link leads there.
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
    const sentence = `its link leads to ${hostname}, a private address, from which no file of a provider is fetched; where the network rewrites addresses, set HTTPS_PROXY to a proxy that finds the right one`;
    throw new AddressRefusal('the download address is not public', sentence);
  }
  return lookupPublic;
}

/**
 * Throws where a name that a proxy is going to resolve leads to this machine, as far as this machine knows: it may not know the
 * name, and a private address may be the fake one of another proxy.
 */
export async function checkProxied(address: string): Promise<void> {
  const { hostname } = new URL(address);
  const answers = await Promise.race([
    dns.promises.lookup(hostname.replace(/^\[|\]$/g, ''), { all: true }).catch(() => []),
    sleep(proxiedLookupMs, [], { ref: false }),
  ]);
  const refused = answers.find((answer) => isIn(own, answer.address));
  if (!refused) return;
  const sentence = `this machine finds ${hostname} at an address of its own, from which no file of a provider is fetched, also not through a proxy; correct its DNS`;
  throw new AddressRefusal(`${hostname} is at ${refused.address}`, sentence);
}
