import type https from 'node:https';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { SocksProxyAgent } from 'socks-proxy-agent';
import { config, nameInEnvironment } from '../config';

/** The proxy on the way to a third party. */
export type Proxy = {
  agent: https.Agent;
  /** Its address without user name and password. */
  address: string;
  /** The variable that names it. */
  variable: string;
};

const proxy = readProxy();
const excludedHosts = (config.NO_PROXY ?? '')
  .toLowerCase()
  .split(/[\s,]+/)
  .filter(Boolean);

/** The proxy through which `url` is asked; undefined where it is asked directly, as plain http always is. */
export function proxyFor(url: string): Proxy | undefined {
  const { protocol, hostname, port } = new URL(url);
  return protocol === 'https:' && !isExcluded(hostname, port || '443') ? proxy : undefined;
}

/** What the proxy did instead of connecting: its answer to CONNECT is never one of the provider. */
export class ProxyRefusal extends Error {
  constructor(readonly status: number) {
    super(`the proxy answered with status ${status}`);
  }
}

/** The sentence about a provider that could not be reached through the proxy. */
export function proxySentence({ address, variable }: Proxy, provider: string, cause: unknown): string {
  if (!(cause instanceof ProxyRefusal)) {
    return `${provider} could not be reached through the proxy ${address}; check that it runs and lets ${provider} through, or correct ${variable} and restart the server.`;
  }
  if (cause.status === 407) {
    return `The proxy ${address} wants another user name and password (status 407), so ${provider} was not asked; correct ${variable} and restart the server.`;
  }
  return `The proxy ${address} did not connect to ${provider} (status ${cause.status}); check that it lets ${provider} through, or correct ${variable} and restart the server.`;
}

function readProxy(): Proxy | undefined {
  const name = config.HTTPS_PROXY ? 'HTTPS_PROXY' : 'ALL_PROXY';
  const value = config[name];
  if (!value) return undefined;
  const { protocol, host } = new URL(value);
  // Such a proxy is used where the names that this machine is told are wrong, so that it always resolves them itself.
  const agent = protocol.startsWith('socks')
    ? new SocksProxyAgent(value.replace(/^socks5?:/i, 'socks5h:'))
    : new HttpsProxyAgent(value);
  return { agent: agent as unknown as https.Agent, address: `${protocol}//${host}`, variable: nameInEnvironment(name) };
}

/** Entries are hosts, with or without a dot, a star or a port; each stands for its subdomains too. */
function isExcluded(host: string, port: string): boolean {
  return excludedHosts.some((entry) => {
    if (entry === '*') return true;
    const [, name = entry, entryPort] = /^(.+?):(\d+)$/.exec(entry) ?? [];
    const domain = name.replace(/^\*?\./, '');
    return (!entryPort || entryPort === port) && (host === domain || host.endsWith(`.${domain}`));
  });
}
