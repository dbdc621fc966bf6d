import { ApiError, cancelVideo, generateVideo, noAnswer, type Accepted } from '../api';
import { providerOf } from '../state/providers';
import { getState, setState, type RefusedClick } from '../state/store';
import { newId } from '../sync/new-id';
import { editsStored, isLost, sendUntilAnswered } from './send';

/** By shot, the click of which nobody knows what became of it: pressing again asks for the same one, and pays once. */
const unanswered = new Map<string, { requestId: string; before: string | null }>();

/** Sends one click; the same click is sent again where there is no answer, and is paid once. */
export async function generate(id: string, accepted: Accepted = {}): Promise<void> {
  const workspace = getState().byId[id];
  if (!workspace || getState().clicks[id] === 'sending') return;
  setClick(id, 'sending');
  let { form_data: form } = workspace;
  try {
    await editsStored();
    form = getState().byId[id]?.form_data ?? form;
    await send(id, accepted);
    setClick(id);
  } catch (error) {
    const { code, details } = error instanceof ApiError ? error : noAnswer();
    if (code === 'SECOND_CHARGE_POSSIBLE') setState({ dialog: { secondCharge: id, accepted } });
    // A refusal that is told as the state of the video need not be told twice.
    const isTold = getState().byId[id]?.video.error?.code === code || code === 'SECOND_CHARGE_POSSIBLE';
    const provider = providerOf(getState(), form)?.name;
    const refused = { code, details, provider, form, accepted, before: workspace.video.attempt_id };
    setClick(id, isTold ? undefined : refused);
  }
}

/** Cancels what is being made of a shot, or takes one that waits out of its batch. */
export async function cancel(id: string): Promise<void> {
  const { status, attempt_id: attemptId } = getState().byId[id]?.video ?? {};
  try {
    // Only what this window shows: another may have started a new one meanwhile.
    await cancelVideo({ workspace_id: id, ...(attemptId && status === 'generating' && { attempt_id: attemptId }) });
  } catch (error) {
    const before = getState().byId[id]?.video.attempt_id ?? null;
    if (error instanceof ApiError && error.code !== 'NOT_GENERATING') setClick(id, { code: error.code, before });
  }
}

async function send(id: string, accepted: Accepted): Promise<void> {
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
  try {
    await sendUntilAnswered(() => generateVideo(body));
    unanswered.delete(id);
  } catch (error) {
    if (error instanceof ApiError && isLost(error.code)) unanswered.set(id, { requestId, before });
    else unanswered.delete(id);
    throw error;
  }
}

function setClick(id: string, click?: 'sending' | RefusedClick): void {
  setState(({ clicks: { [id]: _, ...others } }) => ({ clicks: click ? { ...others, [id]: click } : others }));
}

/** Forgets the answer that refused a click. */
export const dismissClick = (id: string): void => setClick(id);
