import type { ErrorCode } from '../../contract/errors';
import type { Workspace } from '../../contract/workspace';
import { ApiError, cancelVideo, generateVideo, noAnswer, type Accepted } from '../api';
import { clipOf } from '../../contract/continuity';
import { isChanged, type ClipContext } from '../state/clip';
import { sync } from '../state/connection';
import { announce, say, showToast } from '../state/notices';
import { formFaults, providerOf } from '../state/providers';
import { getState, setState, type AppState, type RefusedClick } from '../state/store';
import { newId } from '../sync/new-id';

const sendsOfOneClick = 4;
const pauseMs = 1500;
const savedWithinMs = 5000;
const clicksAtOnce = 4;

/** By shot, the click of which nobody knows what became of it: pressing again asks for the same one, and pays once. */
const unanswered = new Map<string, { requestId: string; before: string | null }>();
const lostCodes: (ErrorCode | 'NETWORK')[] = ['NETWORK', 'DATABASE_UNAVAILABLE'];

/** Whether the answer to a click was lost, so that it may have been taken. */
export const isLost = (code: ErrorCode | 'NETWORK'): boolean => lostCodes.includes(code);

/** Sends one click; the same click is sent again where there is no answer, and is paid once. Answers whether it was taken. */
export async function generate(id: string, accepted: Accepted = {}): Promise<boolean> {
  const workspace = getState().byId[id];
  if (!workspace || getState().clicks[id] === 'sending') return false;
  setClick(id, 'sending');
  let { form_data: form } = workspace;
  try {
    sync.flush();
    await saved();
    form = getState().byId[id]?.form_data ?? form;
    await send(id, accepted);
    setClick(id);
    return true;
  } catch (error) {
    const { code, details } = error instanceof ApiError ? error : noAnswer();
    if (code === 'SECOND_CHARGE_POSSIBLE') setState({ dialog: { secondCharge: id, accepted } });
    // A refusal that is told as the state of the video need not be told twice.
    const isTold = getState().byId[id]?.video.error?.code === code || code === 'SECOND_CHARGE_POSSIBLE';
    const provider = providerOf(getState(), form)?.name;
    const refused = { code, details, provider, form, accepted, before: workspace.video.attempt_id };
    setClick(id, isTold ? undefined : refused);
    return false;
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

/** What generating these shots, or all that is new or changed, would do, and what it leaves out and why. */
export function planAll(state: ClipContext & Pick<AppState, 'ids' | 'byId'>, chosen?: readonly string[]) {
  const shots = (chosen ?? state.ids).flatMap((id) => state.byId[id] ?? []);
  const isUnclear = ({ video }: Workspace) => video.error?.charged === 'maybe';
  const faults = (shot: Workspace) => formFaults(state, shot.form_data);
  const idle = shots.filter(
    (shot) => shot.video.status !== 'generating' && (chosen !== undefined || isWanted(shot, state)),
  );
  const possible = idle.filter((shot) => shot.image_path && !isUnclear(shot));
  return {
    ready: possible.filter((shot) => faults(shot).length === 0),
    lacking: possible.filter((shot) => faults(shot).length > 0),
    unclear: idle.filter((shot) => shot.image_path && isUnclear(shot)),
    missing: idle.filter((shot) => !shot.image_path),
    running: shots.filter((shot) => shot.video.status === 'generating'),
  };
}

/** Whether a shot is new, has failed, or is no longer what its clip was made of; a cancelled attempt asks for nothing. */
function isWanted(shot: Workspace, state: ClipContext): boolean {
  const hasFailed = shot.video.status === 'failed' && shot.video.error?.code !== 'CANCELLED';
  return hasFailed || !clipOf(shot) || isChanged(shot, state);
}

/** Sends a click for each of these shots that can be made, and says how many were taken. */
export async function generateAll(chosen?: readonly string[]): Promise<void> {
  const ids = planAll(getState(), chosen).ready.map(({ _id: id }) => id);
  const count = { started: 0, refused: 0 };
  const takeNext = async () => {
    for (let id = ids.shift(); id; id = ids.shift()) count[(await generate(id)) ? 'started' : 'refused']++;
  };
  await Promise.all(Array.from({ length: clicksAtOnce }, takeNext));
  const result = say(count.refused > 0 ? 'generateAll.someRefused' : 'generateAll.started', count);
  showToast(result);
  announce(result);
}

async function send(id: string, accepted: Accepted) {
  const { byId, options } = getState();
  const { form_data, image_path, end_image_path } = byId[id]!;
  const provider = providerOf({ options }, form_data)?.name;
  const before = byId[id]!.video.attempt_id;
  const earlier = unanswered.get(id);
  // Another attempt since says that it was taken: this is a new click.
  const requestId = earlier?.before === before ? earlier.requestId : newId();
  const body = {
    workspace_id: id,
    request_id: requestId,
    // What the screen shows: anything else is not paid for.
    expects: { form_data, image_path, end_image_path },
    ...(provider && { provider }),
    ...accepted,
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
