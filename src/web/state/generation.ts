import type { ErrorCode } from '../../contract/errors';
import type { Workspace } from '../../contract/workspace';
import { ApiError, cancelVideo, generateVideo } from '../api';
import { formKeys } from '../defaults';
import { newId } from '../sync/new-id';
import { sync } from './connection';
import { getState, setState, type RefusedClick } from './store';

const sendsOfOneClick = 4;
const pauseMs = 1500;
const savedWithinMs = 5000;
const clicksAtOnce = 4;

/** The provider of the next click on this shot. */
export function providerOf(state: Pick<ReturnType<typeof getState>, 'options' | 'providers'>, id: string) {
  const all = state.options?.video_providers ?? [];
  return all.find(({ name }) => name === state.providers[id]) ?? all.find((provider) => provider.default) ?? all[0];
}

/** A provider's name as people write it. */
export const displayName = (name: string | null | undefined): string =>
  (name ?? '').replace(/^./, (letter) => letter.toUpperCase());

export function chooseProvider(id: string, name: string): void {
  setState(({ providers }) => ({ providers: { ...providers, [id]: name } }));
}

/** Whether the form or, as far as this browser saw it, the picture is another than the one the clip was made with. */
export function isChanged(workspace: Workspace): boolean {
  const { video, form_data: form, image_path: path } = workspace;
  if (video.status !== 'completed' || !video.form_data) return false;
  const made = video.form_data;
  if (formKeys.some((key) => form[key] !== made[key])) return true;
  const picture = video.attempt_id && pictures()[video.attempt_id];
  return Boolean(picture) && picture !== path;
}

/** By shot, the click of which nobody knows what became of it: pressing again asks for the same one, and pays once. */
const unanswered = new Map<string, { requestId: string; before: string | null }>();
const lostCodes: (ErrorCode | 'NETWORK')[] = ['NETWORK', 'DATABASE_UNAVAILABLE'];

/** Whether the answer to a click was lost, so that it may have been taken. */
export const isLost = (code: ErrorCode | 'NETWORK'): boolean => lostCodes.includes(code);

/** Sends one click; the same click is sent again where there is no answer, and is paid once. */
export async function generate(id: string, acceptSecondCharge = false): Promise<void> {
  const workspace = getState().byId[id];
  if (!workspace || getState().clicks[id] === 'sending') return;
  setClick(id, 'sending');
  try {
    sync.flush();
    await saved();
    const { video } = await send(id, acceptSecondCharge);
    if (video.attempt_id && workspace.image_path) rememberPicture(video.attempt_id, workspace.image_path);
    setClick(id);
  } catch (error) {
    const code = error instanceof ApiError ? error.code : 'NETWORK';
    if (code === 'SECOND_CHARGE_POSSIBLE') setState({ dialog: { secondCharge: id } });
    // A refusal that is told as the state of the video need not be told twice.
    const isTold = getState().byId[id]?.video.error?.code === code || code === 'SECOND_CHARGE_POSSIBLE';
    setClick(id, isTold ? undefined : { code, before: workspace.video.attempt_id });
  }
}

export async function cancel(id: string): Promise<void> {
  try {
    // Only what this window shows: another may have started a new one meanwhile.
    const attemptId = getState().byId[id]?.video.attempt_id;
    await cancelVideo({ workspace_id: id, ...(attemptId && { attempt_id: attemptId }) });
  } catch (error) {
    const before = getState().byId[id]?.video.attempt_id ?? null;
    if (error instanceof ApiError && error.code !== 'NOT_GENERATING') setClick(id, { code: error.code, before });
  }
}

/** What "generate all" would do, and what it leaves out and why. */
export function planAll({ ids, byId }: Pick<ReturnType<typeof getState>, 'ids' | 'byId'>) {
  const shots = ids.flatMap((id) => byId[id] ?? []);
  const isUnclear = ({ video }: Workspace) => video.error?.charged === 'maybe';
  const isWanted = (shot: Workspace) =>
    shot.video.status === 'idle' || shot.video.status === 'failed' || isChanged(shot);
  const idle = shots.filter((shot) => shot.video.status !== 'generating' && isWanted(shot));
  return {
    ready: idle.filter((shot) => shot.image_path && !isUnclear(shot)),
    unclear: idle.filter((shot) => shot.image_path && isUnclear(shot)),
    missing: idle.filter((shot) => !shot.image_path),
    running: shots.filter((shot) => shot.video.status === 'generating'),
  };
}

export async function generateAll(): Promise<void> {
  const ids = planAll(getState()).ready.map(({ _id: id }) => id);
  const takeNext = async () => {
    for (let id = ids.shift(); id; id = ids.shift()) await generate(id);
  };
  await Promise.all(Array.from({ length: clicksAtOnce }, takeNext));
}

async function send(id: string, acceptSecondCharge: boolean) {
  const { providers, byId } = getState();
  const provider = providers[id];
  const { form_data, image_path } = byId[id]!;
  const before = byId[id]!.video.attempt_id;
  const earlier = unanswered.get(id);
  // Another attempt since says that it was taken: this is a new click.
  const requestId = earlier?.before === before ? earlier.requestId : newId();
  const body = {
    workspace_id: id,
    request_id: requestId,
    // What the screen shows: anything else is not paid for.
    expects: { form_data, image_path },
    ...(provider && { provider }),
    ...(acceptSecondCharge && { accept_second_charge: true }),
  };
  for (let sends = 1; ; sends++) {
    try {
      const answer = await generateVideo(body);
      unanswered.delete(id);
      return answer;
    } catch (error) {
      const mayBeTaken = error instanceof ApiError && isLost(error.code);
      if (mayBeTaken) unanswered.set(id, { requestId, before });
      else unanswered.delete(id);
      if (!mayBeTaken || sends >= sendsOfOneClick) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs * sends));
    }
  }
}

/** Waits until the form that the click means is stored, but not for ever. */
function saved(): Promise<void> {
  const isSaved = () => sync.getSnapshot().waiting === 0;
  if (isSaved()) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      unsubscribe();
      resolve();
    };
    const timer = setTimeout(finish, savedWithinMs);
    const unsubscribe = sync.subscribe(() => isSaved() && finish());
  });
}

function setClick(id: string, click?: 'sending' | RefusedClick): void {
  setState(({ clicks: { [id]: _, ...others } }) => ({ clicks: click ? { ...others, [id]: click } : others }));
}

/** Forgets the answer that refused a click. */
export const dismissClick = (id: string): void => setClick(id);

// The wire does not tell with which picture a clip was made, so this browser remembers it for the clicks it saw.
const picturesKey = 'pictures';
const picturesKept = 500;
let known: Record<string, string> | null = null;

function pictures(): Record<string, string> {
  try {
    known ??= JSON.parse(localStorage.getItem(picturesKey) ?? '{}') as Record<string, string>;
  } catch {
    known = {};
  }
  return known;
}

function rememberPicture(attemptId: string, path: string): void {
  const all: [string, string][] = [...Object.entries(pictures()), [attemptId, path]];
  known = Object.fromEntries(all.slice(-picturesKept));
  try {
    localStorage.setItem(picturesKey, JSON.stringify(known));
  } catch {
    // Without storage it is remembered until the reload.
  }
}
