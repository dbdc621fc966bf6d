import { existsSync, readFileSync, statSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import path from 'node:path';
import { parse as parseDotenv, populate } from 'dotenv';
import { z } from 'zod';

/** The project root, to which relative paths in settings refer, wherever the process was started. */
export const projectRoot = path.resolve(__dirname, '..');

/** The exit code after which PM2 and systemd do not restart the process (EX_CONFIG of sysexits.h). */
export const configurationExitCode = 78;

export type Problem = { variable: string; message: string };

const fileProblems: Problem[] = [];

loadFile();

const isProduction = process.env.NODE_ENV === 'production';

/** Loads `.env` into the environment, which takes precedence; ignores a folder of that name, which some tools create. */
function loadFile(): void {
  const files = [path.resolve('.env'), path.join(projectRoot, '.env')];
  const file = files.find((name) => statSync(name, { throwIfNoEntry: false })?.isFile());
  if (!file) return;
  try {
    const text = decode(readFileSync(file));
    if (text.includes('\0') || text.includes('\ufffd')) throw new Error('it is not UTF-8 or UTF-16 text');
    populate(process.env, parseDotenv(text));
  } catch (error) {
    const message = `cannot be read: ${(error as Error).message}; save ${file} as UTF-8, readable by this user`;
    fileProblems.push({ variable: '.env', message });
  }
}

/** Decodes UTF-8 or UTF-16, which `>` in Windows PowerShell writes, and in which every second byte of ASCII text is zero. */
function decode(bytes: Buffer): string {
  const isLittle = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] !== 0 && bytes[1] === 0);
  const isBig = (bytes[0] === 0xfe && bytes[1] === 0xff) || (bytes[0] === 0 && bytes[1] !== 0);
  return new TextDecoder(isLittle ? 'utf-16le' : isBig ? 'utf-16be' : 'utf-8').decode(bytes);
}

const loopbackNames =
  /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[?::(1|ffff:(127(\.\d{1,3}){3}|7f[0-9a-f]{2}:[0-9a-f]{1,4}))\]?)$/i;

/** Whether a host name or address can only be this machine. */
export const isLoopback = (host: string): boolean => loopbackNames.test(host);

/** An API key that a provider requires. */
export const apiKey = z.string().regex(/^[\x21-\x7e]+$/, 'must be one word of printable ASCII characters');

const privateRanges = new BlockList();
privateRanges.addSubnet('10.0.0.0', 8);
privateRanges.addSubnet('172.16.0.0', 12);
privateRanges.addSubnet('192.168.0.0', 16);
privateRanges.addSubnet('169.254.0.0', 16);
privateRanges.addSubnet('fc00::', 7, 'ipv6');
privateRanges.addSubnet('fe80::', 10, 'ipv6');

/** Whether a URL host is this machine or in its local network: a private address, a `.local` name, or Docker's host name. */
export function isInLocalNetwork(host: string): boolean {
  if (isLoopback(host) || /^(.+\.local|host\.docker\.internal)\.?$/i.test(host)) return true;
  const address = host.replace(/^\[|\]$/g, '');
  const family = isIP(address);
  return family !== 0 && privateRanges.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

const addressOf = (allowsHttp: (host: string) => boolean, message: string) => (address: string) =>
  z
    .string()
    .refine((value) => {
      const url = URL.canParse(value) ? new URL(value) : null;
      if (!url || url.username || url.search || url.hash) return false;
      return url.protocol === 'https:' || (url.protocol === 'http:' && allowsHttp(url.hostname));
    }, message)
    .transform((value) => value.replace(/\/+$/, ''))
    .default(address);

/** The base URL of a vendor: https, or http on loopback outside production; trailing slashes are dropped. */
export const baseUrl = addressOf(
  (host) => !isProduction && isLoopback(host),
  'must be an https address (plain http is for loopback only, and not in production)',
);

/** The base URL of a model server, which may be local: like `baseUrl`, but http is allowed in the local network, even in production. */
export const modelServerUrl = addressOf(
  isInLocalNetwork,
  'must be an https address (plain http is for loopback, private addresses, .local names and host.docker.internal)',
);

const integer = (defaultValue: number, min: number, max = Number.MAX_SAFE_INTEGER) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(min).max(max))
    .default(defaultValue);

const folder = (defaultValue: string) =>
  z
    .string()
    .default(defaultValue)
    .transform((value) => path.resolve(projectRoot, value));

const origins = z
  .string()
  .transform((value) =>
    value
      .split(',')
      .map((item) => item.trim().replace(/\/$/, ''))
      .filter(Boolean),
  )
  .refine(
    (items) =>
      items.every(
        (item) =>
          URL.canParse(item) && /^https?:$/.test(new URL(item).protocol) && new URL(item).origin === item.toLowerCase(),
      ),
    'must be a comma list of origins such as https://film.example.com',
  )
  .transform((items) => items.map((item) => item.toLowerCase()))
  .default([]);

const proxyAddress = z
  .string()
  .refine(isProxyAddress, 'must be an http, https or socks5 address such as http://127.0.0.1:7890');

function isProxyAddress(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname, username, password } = new URL(value);
  try {
    decodeURIComponent(username + password);
  } catch {
    return false;
  }
  return /^(https?|socks|socks5|socks5h):$/.test(protocol) && hostname !== '';
}

const limitPattern = /^(\d{1,9}(?:\.\d{1,6})?) (USD|CNY)$/;

/** Amounts such as `20 USD, 100 CNY`, each currency once. */
const amounts = z
  .string()
  .transform((value) => value.split(',').map((item) => limitPattern.exec(item.trim())))
  .refine(
    (items) => items.every((item) => item !== null) && new Set(items.map((item) => item?.[2])).size === items.length,
    'must be amounts such as 20 USD or 20 USD, 100 CNY',
  )
  .transform((items) =>
    items.map((item) => ({
      currency: item![2] as 'USD' | 'CNY',
      micros: Math.round(Number(item![1]) * 1_000_000),
    })),
  )
  .default([]);

/** A program: a name to find on PATH, or an existing file. */
const program = z
  .string()
  .refine((value) => !/[\\/]/.test(value) || existsSync(value), 'names a file that does not exist');

/** An address to bind to; an IPv6 address may be in brackets, as in a URL. */
const bindAddress = z
  .string()
  .transform((value) => value.replace(/^\[(.+)\]$/, '$1'))
  .refine(
    (value) => isIP(value) !== 0 || /^[a-z0-9.-]+$/i.test(value),
    'must be an IP address or a name, without a port',
  )
  .default('127.0.0.1');

const providerName = z
  .string()
  .regex(/^[a-z0-9-]+$/, 'must be the name of a provider file, in lower case')
  .default('local');

const server = readSettings(
  z.object({
    NODE_ENV: z.enum(['development', 'production', 'test']).default('development'),
    HOST: bindAddress,
    ALLOW_NETWORK: z.enum(['0', '1']).default('0'),
    SERVER_PORT: integer(3000, 0, 65535),
    WS_PORT: integer(3001, 0, 65535),
    MONGODB_URI: z
      .string()
      .regex(/^mongodb(\+srv)?:\/\/[^\s]+$/, 'must begin with mongodb:// or mongodb+srv://')
      .optional(),
    PUBLIC_ORIGIN: origins,
    VIDEO_PROVIDER: providerName,
    LLM_PROVIDER: providerName,
    VIDEO_POLL_INTERVAL_MS: integer(5000, 50),
    VIDEO_TIMEOUT_MS: integer(600_000, 1),
    VIDEO_MAX_CONCURRENT: integer(3, 1),
    VIDEO_RECHECK_INTERVAL_MS: integer(300_000, 50),
    SPEND_LIMIT_PER_DAY: amounts,
    PROVIDER_REQUEST_TIMEOUT_MS: integer(30_000, 1),
    LLM_TIMEOUT_MS: integer(120_000, 1),
    WS_HEARTBEAT_MS: integer(30_000, 50),
    DATA_DIR: folder('data'),
    UPLOAD_DIR: folder('uploads'),
    UPLOAD_MAX_BYTES: integer(10_485_760, 1),
    LOG_DIR: folder('logs'),
    LOG_LEVEL: z.enum(['error', 'warn', 'info', 'debug']).default(isProduction ? 'info' : 'debug'),
    FFMPEG_PATH: program.optional(),
    HTTPS_PROXY: proxyAddress.optional(),
    ALL_PROXY: proxyAddress.optional(),
    NO_PROXY: z.string().optional(),
  }),
);

/** The validated settings of the server, read once at the start; provider files declare their own with `readSettings`. */
export const config = Object.freeze({ ...server.values, isProduction });

/** Every variable that belongs to the server itself. */
export const serverVariables = server.names;

/** The problems in the server's own settings, one entry per variable. */
export function serverProblems(): Problem[] {
  const problems = [...fileProblems, ...server.problems];
  if (isProduction && !config.MONGODB_URI) {
    problems.push({ variable: 'MONGODB_URI', message: 'is required when NODE_ENV is production' });
  }
  if (config.SERVER_PORT !== 0 && config.SERVER_PORT === config.WS_PORT) {
    problems.push({
      variable: 'WS_PORT',
      message: 'must differ from SERVER_PORT; sockets are served there too, at /ws',
    });
  }
  if (!isLoopback(config.HOST) && config.ALLOW_NETWORK !== '1') {
    const message =
      'would open the server to the network, and it has no login; set ALLOW_NETWORK=1 if that is what you want';
    problems.push({ variable: 'HOST', message });
  }
  return problems;
}

/** Reads variables with a zod object: their values (the default for an invalid one), names, problems and missing names. */
export function readSettings<Shape extends Record<string, z.ZodType>>(schema: z.ZodObject<Shape>) {
  const names = Object.keys(schema.shape);
  const problems: Problem[] = [];
  const missing: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, shape] of Object.entries(schema.shape)) {
    const raw = rawValue(name);
    const parsed = shape.safeParse(raw);
    if (parsed.success) {
      values[name] = parsed.data;
      continue;
    }
    if (raw === undefined) missing.push(name);
    else
      problems.push({ variable: nameInEnvironment(name), message: parsed.error.issues[0]?.message ?? 'is not valid' });
    values[name] = shape.safeParse(undefined).data;
  }
  const baseUrlName = names.find((name) => name.endsWith('_BASE_URL'));
  return {
    names,
    problems,
    missing,
    /** The base URL of the third party, from its variable `*_BASE_URL`. */
    baseUrl: baseUrlName && (values[baseUrlName] as string | undefined),
    values: values as z.infer<z.ZodObject<Shape>>,
  };
}

export type Settings = Pick<ReturnType<typeof readSettings>, 'names' | 'problems' | 'missing'> & { baseUrl?: string };

/** The name under which a variable is set; proxy variables may also be in lower case, as in most programs. */
export function nameInEnvironment(name: string): string {
  const isSet = (variable: string) => Boolean(process.env[variable]?.trim());
  const lower = name.toLowerCase();
  return name.endsWith('_PROXY') && !isSet(name) && isSet(lower) ? lower : name;
}

/** An empty value means "not set", so that `KEY=` in .env is the same as no line. */
function rawValue(name: string): string | undefined {
  return process.env[nameInEnvironment(name)]?.trim() || undefined;
}
