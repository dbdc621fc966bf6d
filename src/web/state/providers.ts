import { isTextKey } from '../i18n';
import { say } from './notices';
import { rememberedRecord } from './remembered';
import { getState, setState, type AppState } from './store';

// The form has no provider yet, so this browser remembers it for each shot.
const chosen = rememberedRecord('providers', 2000);

/** Takes what was chosen before, and what another window of this browser chooses. */
export function loadProviders(): void {
  setState({ providers: chosen.read() });
  chosen.watch((providers) => setState({ providers }));
}

/** Chooses the providers of the next clicks, by shot. */
export function chooseProviders(names: Record<string, string>): void {
  chosen.set(names);
  setState({ providers: chosen.read() });
}

/** The provider of the next click on this shot. */
export function providerOf(state: Pick<AppState, 'options' | 'providers'>, id: string) {
  const all = state.options?.video_providers ?? [];
  return all.find(({ name }) => name === state.providers[id]) ?? all.find((provider) => provider.default) ?? all[0];
}

export type Provider = NonNullable<ReturnType<typeof providerOf>>;

/** The name of the provider that the next click on this shot sends. */
export const providerNameOf = (id: string): string | undefined =>
  providerOf(getState(), id)?.name ?? getState().providers[id];

/** A provider's name as people write it in the language of the page. */
export function displayName(name: string | null | undefined): string {
  const key = `provider.${name ?? ''}`;
  if (isTextKey(key)) return say(key);
  return (name ?? '').replace(/^./, (letter) => letter.toUpperCase());
}

/** The provider that needs no account and no network: it moves the picture and makes nothing new. */
export const movesPictureOnly = (name: string | null | undefined): boolean => name === 'local';
