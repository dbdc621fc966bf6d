import { rememberedRecord } from './remembered';
import { getState, setState, type AppState } from './store';

// The form has no provider yet, so this browser remembers it for each shot.
const chosen = rememberedRecord('providers', 2000);

/** Takes what was chosen before, and what another window of this browser chooses. */
export function loadProviders(): void {
  setState({ providers: chosen.read() });
  chosen.watch((providers) => setState({ providers }));
}

export function chooseProvider(id: string, name: string): void {
  chosen.set(id, name);
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

/** A provider's name as people write it. */
export const displayName = (name: string | null | undefined): string =>
  (name ?? '').replace(/^./, (letter) => letter.toUpperCase());

/** The provider that needs no account and no network: it moves the picture and makes nothing new. */
export const movesPictureOnly = (name: string | null | undefined): boolean => name === 'local';
