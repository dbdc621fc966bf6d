import type https from 'node:https';
import { BlockList, isIP } from 'node:net';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { SocksProxyAgent } from 'socks-proxy-agent';
import { config, nameInEnvironment } from '../config';
import { isIn } from './public-address';

/** The proxy for requests to third parties. */
export type Proxy = {
  agent: https.Agent;
  /** Its address without user name and password. */
  address: string;
  /** The variable that names it. */
  variable: string;
};

const proxy = readProxy();
const exclusions = (config.NO_PROXY ?? '')
  .toLowerCase()
  .split(/[\s,]+/)
  .filter(Boolean)
  .map(toExclusion);

/** The proxy for requests to `url`; undefined for direct ones, which plain http always is. */
export function proxyFor(url: string): Proxy | undefined {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const isExcluded = exclusions.some((excludes) => excludes(host, port || '443'));
  return protocol === 'https:' && !isExcluded ? proxy : undefined;
}

/** The proxy did not connect: its reply to CONNECT never comes from the provider. */
export class ProxyRefusal extends Error {
  constructor(readonly status: number) {
    super(`the proxy answered with status ${status}`);
  }
}

/** The sentence about a provider that could not be reached through the proxy. */
export function proxySentence({ address, variable }: Proxy, provider: string, cause: unknown): string {
  if (isOfCertificate(cause)) {
    return `The proxy ${address} presents a certificate for ${provider} that this machine does not trust; set NODE_EXTRA_CA_CERTS to the file of its authority and restart the server, or exclude the host by NO_PROXY.`;
  }
  if (!(cause instanceof ProxyRefusal)) {
    return `${provider} could not be reached through the proxy ${address}; check that it runs and lets ${provider} through, or correct ${variable} and restart the server.`;
  }
  if (cause.status === 407) {
    return `The proxy ${address} wants another user name and password (status 407), so ${provider} was not asked; correct ${variable} and restart the server.`;
  }
  return `The proxy ${address} did not connect to ${provider} (status ${cause.status}); check that it lets ${provider} through, or correct ${variable} and restart the server.`;
}

const isOfCertificate = (cause: unknown): boolean =>
  /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test((cause as { code?: string }).code ?? '');

function readProxy(): Proxy | undefined {
  const name = config.HTTPS_PROXY ? 'HTTPS_PROXY' : 'ALL_PROXY';
  const value = config[name];
  if (!value) return undefined;
  const { protocol, host } = new URL(value);
  // SOCKS proxies are used where the local DNS is wrong, so the proxy always resolves names.
  const agent = protocol.startsWith('socks')
    ? new SocksProxyAgent(value.replace(/^socks5?:/i, 'socks5h:'))
    : new HttpsProxyAgent(value);
  return { agent: agent as unknown as https.Agent, address: `${protocol}//${host}`, variable: nameInEnvironment(name) };
}

/**
 * Parses one exclusion: a host, an address or a network (10.0.0.0/8), optionally with a leading dot, a star or a port; a host
 * includes its subdomains.
 */
function toExclusion(entry: string): (host: string, port: string) => boolean {
  const { name, port: wanted } = partsOf(entry);
  const isNamed = toMatch(name);
  return (host, port) => (!wanted || wanted === port) && isNamed(host);
}

function toMatch(name: string): (host: string) => boolean {
  if (name === '<local>') return (host) => !host.includes('.') && !isIP(host);
  if (name.includes('/')) return toNetwork(name);
  const domain = name.replace(/^\*?\./, '').replace(/\.$/, '');
  const pattern = toPattern(domain);
  return (host) => pattern.test(host) || host.endsWith(`.${domain}`);
}

function partsOf(entry: string): { name: string; port?: string } {
  if (isIP(entry)) return { name: entry };
  const [, name = entry, port] = /^(.+?):(\d+)$/.exec(entry) ?? [];
  return { name: name.replace(/^\[|\]$/g, ''), port };
}

/** A star matches anything. */
function toPattern(domain: string): RegExp {
  const parts = domain.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}

/** An invalid network excludes nothing. */
function toNetwork(network: string): (host: string) => boolean {
  const [address = '', bits = ''] = network.split('/');
  const family = isIP(address);
  if (!family || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128)) return () => false;
  const list = new BlockList();
  list.addSubnet(address, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
  return (host) => isIP(host) === family && isIn(list, host);
}
