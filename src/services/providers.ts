import { readdirSync } from 'node:fs';
import path from 'node:path';
import { config, type Problem } from '../config';
import type { Money } from '../contract/money';
import type { LlmProvider, VideoProvider } from './provider';
import { AppError } from '../utils/errors';

type Provider = VideoProvider | LlmProvider;

const videoProviders = loadProviders<VideoProvider>('video');
const llmProviders = loadProviders<LlmProvider>('llm');

/** Every video provider that has a file, sorted by name. */
export const allVideoProviders = (): VideoProvider[] => [...videoProviders.values()];

/** The names of the no-charge video providers. */
export const noChargeProviders = allVideoProviders().flatMap(({ name, isNoCharge }) => (isNoCharge ? [name] : []));

/** Every LLM provider that has a file, sorted by name. */
export const allLlmProviders = (): LlmProvider[] => [...llmProviders.values()];

/** The video provider with that name; throws INVALID_INPUT, naming `path`, when it has no file, PROVIDER_NOT_CONFIGURED when its key is missing. */
export const videoProvider = (name = config.VIDEO_PROVIDER, path?: string): VideoProvider =>
  readyProvider(videoProviders, name, path);

/** The currency in which a provider charges; USD if its file has no prices. */
export const currencyOf = (name: string): Money['currency'] =>
  videoProviders.get(name)?.models.flatMap(({ prices }) => prices)[0]?.currency ?? 'USD';

/** The base URL of the video provider with that name; undefined if it uses no network. */
export const baseUrlOf = (name: string): string | undefined => videoProviders.get(name)?.settings.baseUrl;

/** The LLM provider with that name; throws like `videoProvider`. */
export const llmProvider = (name = config.LLM_PROVIDER): LlmProvider => readyProvider(llmProviders, name);

/** Why a provider cannot be used, naming the variable; null when it can. */
export function notReadyReason({ settings }: Provider): string | null {
  const [first] = settings.missing;
  return first ? `${first} is not set in .env` : null;
}

/** The problems in provider settings: invalid values of any provider, missing ones of the default providers. */
export function providerProblems(): Problem[] {
  const all = [...allVideoProviders(), ...allLlmProviders()];
  return [
    ...all.flatMap((provider) => provider.settings.problems),
    ...defaultProblems('VIDEO_PROVIDER', config.VIDEO_PROVIDER, videoProviders),
    ...defaultProblems('LLM_PROVIDER', config.LLM_PROVIDER, llmProviders),
  ];
}

/** Every variable that a provider file declares. */
export const providerVariables = (): string[] =>
  [...allVideoProviders(), ...allLlmProviders()].flatMap((provider) => provider.settings.names);

function defaultProblems(variable: string, name: string, providers: Map<string, Provider>): Problem[] {
  const provider = providers.get(name);
  if (!provider)
    return [
      { variable, message: `is "${name}", which is not a provider; choose one of ${[...providers.keys()].join(', ')}` },
    ];
  return provider.settings.missing.map((missing) => ({
    variable: missing,
    message: `is required when ${variable} is ${name}`,
  }));
}

function readyProvider<Kind extends Provider>(providers: Map<string, Kind>, name: string, path = 'provider'): Kind {
  const provider = providers.get(name);
  if (!provider) {
    const known = [...providers.keys()].join(', ');
    const details = [{ path, message: `must be one of ${known}`, rule: 'not_offered' as const }];
    throw new AppError('INVALID_INPUT', `There is no provider "${name}"; choose one of ${known}.`, { details });
  }
  const reason = notReadyReason(provider);
  if (!reason) return provider;
  throw new AppError(
    'PROVIDER_NOT_CONFIGURED',
    `The provider ${name} cannot be used: ${reason}. Add it and restart the server.`,
  );
}

function loadProviders<Kind extends Provider>(kind: 'video' | 'llm'): Map<string, Kind> {
  const pattern = new RegExp(`^${kind}-([a-z0-9-]+)\\.(js|ts)$`);
  const names = readdirSync(__dirname).flatMap((file) => pattern.exec(file)?.[1] ?? []);
  return new Map(names.sort().map((name) => [name, loadProvider<Kind>(`${kind}-${name}`)]));
}

function loadProvider<Kind extends Provider>(file: string): Kind {
  // A provider is found by its file name, so that adding one changes no other file.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return (require(path.join(__dirname, file)) as { default: Kind }).default;
}
