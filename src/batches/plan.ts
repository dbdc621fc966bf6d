import type { BatchPreview, batchChoices } from '../contract/batch';
import { isOutOfDate, type Neighbours } from '../contract/continuity';
import type { Cost, Limit } from '../contract/money';
import { sumsOf } from '../costs/amounts';
import { afterSpending, limitsFor } from '../costs/limits';
import { estimateOf } from '../costs/prices';
import { refuseBeyond } from '../costs/reserve';
import type { StoredBatch } from '../db/batch';
import type { StoredFilm } from '../db/film';
import { findStoredShots, withoutTalk } from '../db/find-workspaces';
import { workspaceNotFound, type StoredWorkspace } from '../db/workspace';
import { isNoCharge } from '../generation/attempt';
import { checkClick, isInDoubt, secondChargePossible } from '../generation/check-click';
import { meaningOf } from '../generation/model-choice';
import { AppError } from '../utils/errors';
import { findBatches, findPledged, findRunning } from './store';

export type Wanted = {
  workspaceIds?: string[];
  only: (typeof batchChoices)[number];
  acceptOverLimit: boolean;
  acceptUnknownPrice: boolean;
  skipBlocked?: boolean;
};

type Ready = BatchPreview['ready'][number];
type Blocked = BatchPreview['blocked'][number];
/** What a batch would do. */
export type Plan = BatchPreview & {
  /** A running batch that makes these shots already. */
  same: StoredBatch | null;
  /** By shot, the attempt of its video. */
  attempts: Map<string, string | null>;
};

/** What is known of a film while its batch is planned. */
type Scene = {
  film: StoredFilm;
  /** In order. */
  shots: StoredWorkspace[];
  running: StoredBatch[];
  /** By shot, the running batch in which it has not ended. */
  openIn: Map<string, StoredBatch>;
};

/** Plans a batch of a film; changes nothing. Throws WORKSPACE_NOT_FOUND for a shot that is not in the film. */
export async function planBatch(film: StoredFilm, wanted: Wanted): Promise<Plan> {
  const filmId = String(film._id);
  const [shots, running] = await Promise.all([findStoredShots(filmId, withoutTalk), findRunning(filmId)]);
  const scene = { film, shots, running, openIn: openShots(running) };
  const chosen = await chooseShots(scene, wanted);
  const same = sameBatch(scene, chosen);
  // Of shots that nobody has named, those that are being made are left to their batch.
  const isLeft = (id: string) => same !== null || (!wanted.workspaceIds && scene.openIn.has(id));
  const left = [...chosen].filter(isLeft);
  const preview = await checkShots(scene, wanted, new Set([...chosen].filter((id) => !isLeft(id))));
  // What is ready of the press is being made, and the rest is blocked as it was before.
  const rest = preview.ready.length === 0 && wanted.skipBlocked ? scene.openIn.get(left[0] ?? '') : undefined;
  const attempts = new Map(shots.map((shot) => [idOf(shot), shot.video.attempt_id]));
  return { ...preview, same: same ?? rest ?? null, attempts };
}

const openShots = (running: StoredBatch[]) =>
  new Map(running.toReversed().flatMap((batch) => batch.open.map((id): [string, StoredBatch] => [id, batch])));

const idOf = ({ _id }: StoredWorkspace): string => String(_id);

async function chooseShots(scene: Scene, { workspaceIds, only }: Wanted): Promise<Set<string>> {
  const all = new Set(scene.shots.map(idOf));
  if (workspaceIds) {
    if (workspaceIds.some((id) => !all.has(id))) throw workspaceNotFound();
    return new Set(workspaceIds);
  }
  if (only === 'all') return all;
  const isChosen = only === 'failed' ? await failedIn(scene) : changedIn(scene);
  const chosen = scene.shots.filter((shot, index) => scene.openIn.has(idOf(shot)) || isChosen(shot, index));
  return new Set(chosen.map(idOf));
}

/** Whether a shot has no clip that is up to date, and no charge that is open. */
function changedIn({ shots }: Scene) {
  return (shot: StoredWorkspace, index: number): boolean => {
    const { video, form_data: form } = shot;
    if (video.status === 'idle') return true;
    if (video.status === 'failed') return video.error?.charged !== 'maybe' && !isInDoubt(shot);
    // No style is sent yet, so a clip that is made again would differ from that of its film again.
    const { style, negative_style } = video;
    const made = { neighbours: besides(shots, index), meaning: meaningOf(form), style, negative_style };
    return video.status === 'completed' && isOutOfDate(shot, video, made);
  };
}

/** Whether a shot has failed, or its turn in the newest batch has, and it was not made since. */
async function failedIn({ film }: Scene) {
  const [newest] = await findBatches(String(film._id));
  const items = newest?.items.filter(({ state }) => state === 'failed') ?? [];
  const failed = new Set(items.map(({ workspace_id }) => workspace_id));
  return (shot: StoredWorkspace): boolean => {
    const { status, started_at: startedAt } = shot.video;
    if (status === 'failed') return true;
    if (!newest || !failed.has(idOf(shot))) return false;
    const isMadeSince = status === 'completed' && startedAt !== null && new Date(startedAt) > newest.created_at;
    return !isMadeSince;
  };
}

/** A running batch that has these very shots, or in which all of them have not ended. */
function sameBatch({ running, openIn }: Scene, chosen: Set<string>): StoredBatch | null {
  if (chosen.size === 0) return null;
  const isSame = ({ items }: StoredBatch) =>
    items.length === chosen.size && items.every(({ workspace_id }) => chosen.has(workspace_id));
  const found = running.find(isSame);
  if (found) return found;
  const ids = [...chosen];
  return ids.every((id) => openIn.has(id)) ? openIn.get(ids[0]!)! : null;
}

async function checkShots(scene: Scene, wanted: Wanted, chosen: Set<string>): Promise<BatchPreview> {
  const ready: Ready[] = [];
  const blocked: Blocked[] = [];
  let limits = await limitsLeft(String(scene.film._id));
  for (const [index, shot] of scene.shots.entries()) {
    if (!chosen.has(idOf(shot))) continue;
    const waits_for = waitsFor(scene, index, new Set(ready.map(({ workspace_id }) => workspace_id)));
    try {
      const found = await checkShot(scene, index, { ...wanted, limits, waits_for });
      limits = limits.map((limit) => afterSpending(limit, found.cost));
      ready.push(found);
    } catch (error) {
      if (!(error instanceof AppError) || error.code === 'DATABASE_UNAVAILABLE') throw error;
      blocked.push({ workspace_id: idOf(shot), ...error.body });
    }
  }
  return { ready, blocked, estimate: sumsOf(ready.map(({ cost }) => cost)) };
}

/** The limits in force, with what shots that wait in batches will take of them counted as spent. */
async function limitsLeft(filmId: string): Promise<Limit[]> {
  const limits = await limitsFor(filmId);
  if (limits.length === 0) return [];
  const pledged = await findPledged();
  return limits.map((limit) => {
    const counted = pledged.filter((one) => limit.scope === 'day' || one.filmId === filmId);
    return counted.reduce((one, { cost }) => afterSpending(one, cost), limit);
  });
}

/** The shot before, if its clip has to be made first. */
function waitsFor({ shots, openIn }: Scene, index: number, ready: Set<string>): string | null {
  const before = shots[index - 1];
  if (!before || shots[index]!.form_data.start !== 'previous') return null;
  const id = idOf(before);
  return ready.has(id) || openIn.has(id) || before.video.status === 'generating' ? id : null;
}

type Asked = Wanted & { limits: Limit[]; waits_for: string | null };

async function checkShot({ shots, openIn }: Scene, index: number, asked: Asked): Promise<Ready> {
  const shot = shots[index]!;
  if (openIn.has(idOf(shot))) throw inOtherBatch();
  if (isInDoubt(shot)) throw secondChargePossible();
  const { made, choice } = await checkClick(shot, besides(shots, index), {
    acceptSecondCharge: false,
    waitsForPrevious: asked.waits_for !== null,
  });
  const common = { workspace_id: idOf(shot), duration_s: shot.form_data.duration_s, waits_for: asked.waits_for };
  // A clip that is made and paid is only downloaded.
  if (made) return { ...common, provider: made.provider, model: made.model, cost: null };
  const { provider, model, form } = choice;
  const cost = estimateOf(model, form);
  if (!isNoCharge(provider.name)) refuseCost(model.id, cost, asked);
  return { ...common, provider: provider.name, model: model.id, cost };
}

const refuseCost = (model: string, cost: Cost | null, { limits, acceptOverLimit, acceptUnknownPrice }: Asked): void =>
  refuseBeyond(limits, {
    model,
    cost,
    accept_over_limit: acceptOverLimit,
    accept_unknown_price: acceptUnknownPrice,
  });

const inOtherBatch = (): AppError =>
  new AppError('VIDEO_IN_PROGRESS', 'This workspace is in a batch that runs already; let it end, or cancel it there.');

/** The shots beside a place in a film. */
const besides = (shots: StoredWorkspace[], index: number): Neighbours => ({
  previous: shots[index - 1] ?? null,
  next: shots[index + 1] ?? null,
});
