import type { Workspace } from '../../contract/workspace';
import { translate, type TextKey } from '../i18n';
import { newId } from '../sync/new-id';
import { getState, numberOf, setState, type Toast } from './store';

const toastMs = 6000;

/** Begins the title of a window while it tells in the background that a clip landed. */
export const landedMark = '●';
let plainTitle = '';

/** Shows a sentence for a few seconds, with one thing to do about it. */
export function showToast(text: string, action?: Toast['action']): void {
  const toast: Toast = { id: newId(), text, action };
  setState(({ toasts }) => ({ toasts: [...toasts.slice(-2), toast] }));
  setTimeout(() => hideToast(toast.id), toastMs);
}

export function hideToast(id: string): void {
  setState(({ toasts }) => ({ toasts: toasts.filter((toast) => toast.id !== id) }));
}

/** The text of a key in the chosen language, for what is said outside of a component. */
export const say = (key: TextKey, values?: Record<string, string | number>): string =>
  translate(getState().language, key, values);

/** Says something to a screen reader. */
export const announce = (text: string): void => setState({ announcement: { text, at: Date.now() } });

/** Tells that a clip landed or failed: to a screen reader, and in the background by title and notification. */
export function watchClips(
  before: Readonly<Record<string, Workspace>>,
  after: Readonly<Record<string, Workspace>>,
): void {
  if (before === after) return;
  for (const [id, workspace] of Object.entries(after)) {
    const was = before[id]?.video;
    if (!was || was === workspace.video || was.status !== 'generating') continue;
    if (workspace.video.status === 'completed') tell('notice.landed', id);
    if (workspace.video.status === 'failed' && workspace.video.error?.code !== 'CANCELLED') tell('notice.failed', id);
  }
}

function tell(key: TextKey, id: string): void {
  const text = say(key, { number: numberOf(id) });
  announce(text);
  if (!document.hidden) return;
  if (!document.title.startsWith(landedMark)) plainTitle = document.title;
  document.title = `${landedMark} ${text}`;
  document.addEventListener('visibilitychange', () => (document.title = plainTitle), { once: true });
  if (getState().notifies) new Notification(text, { tag: id });
}
