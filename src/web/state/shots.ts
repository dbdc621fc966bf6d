import { formKeys } from '../../contract/defaults';
import type { FormData } from '../../contract/form';
import type { Video } from '../../contract/video';
import type { Changes } from '../../contract/workspace';
import { valueOf } from '../sync/replica';
import { sync } from './connection';
import { changeMany, endBurst, record } from './history';
import { dropOtherText, dropReadTexts } from './other-texts';
import { getState } from './store';

/** Changes fields of a shot, as one deed that can be undone. */
export function edit(id: string, wanted: Changes): void {
  const { before, after } = difference(id, wanted);
  if (Object.keys(after).length === 0) return;
  record({ kind: 'fields', id, before, after });
  sync.update(id, after);
  dropReadTexts(id, Object.keys(after));
}

/** Puts what was written elsewhere into its field, as a deed of its own. */
export function bringOtherText(id: string, field: string, value: unknown): void {
  endBurst();
  edit(id, { [field]: value });
  endBurst();
  dropOtherText(id, field);
}

/** The values of a shot that these changes replace, and the ones they bring; both empty where nothing changes. */
function difference(id: string, wanted: Changes): { before: Changes; after: Changes } {
  const workspace = getState().byId[id];
  if (!workspace) return { before: {}, after: {} };
  const changed = Object.entries(wanted).filter(([key, value]) => !Object.is(valueOf(workspace, key), value));
  const before = Object.fromEntries(changed.map(([key]) => [key, valueOf(workspace, key)]));
  return { before, after: Object.fromEntries(changed) };
}

/** Changes form fields of a shot: those of an applied suggestion, or all that a take was made with. */
export function editForm(id: string, form: Partial<FormData>): void {
  edit(id, toChanges(form));
}

function toChanges(form: Partial<FormData>): Changes {
  const entries = formKeys.filter((key) => form[key] !== undefined).map((key) => [`form_data.${key}`, form[key]]);
  return Object.fromEntries(entries) as Changes;
}

/** Gives several shots what `formOf` makes of the form of each, as one deed. */
export function editForms(ids: readonly string[], formOf: (form: FormData) => Partial<FormData>): void {
  const { byId } = getState();
  const changes = ids.flatMap((id) => {
    const shot = byId[id];
    return shot ? [{ id, ...difference(id, toChanges(formOf(shot.form_data))) }] : [];
  });
  const real = changes.filter(({ after }) => Object.keys(after).length > 0);
  if (real.length === 0) return;
  record({ kind: 'many', changes: real });
  changeMany(real);
}

/** Makes a take the clip of its shot, with the form it was made with or without; undoable where a finished clip gives way. */
export function chooseTake(id: string, take: Video, withForm: boolean): void {
  const video = getState().byId[id]?.video;
  if (!video || video.status === 'generating' || !take.attempt_id) return;
  const form = withForm && take.form_data ? difference(id, toChanges(take.form_data)) : undefined;
  if (video.status === 'completed' && video.attempt_id) {
    record({ kind: 'take', id, before: video.attempt_id, after: take.attempt_id, form });
  } else if (form && Object.keys(form.after).length > 0) record({ kind: 'fields', id, ...form });
  sync.chooseTake(id, take.attempt_id, withForm);
}
