import { create } from 'zustand';
import type { Batch } from '../../contract/batch';
import type { ErrorCode, ErrorDetail } from '../../contract/errors';
import type { FilmExport } from '../../contract/export';
import type { AspectRatio, FormData } from '../../contract/form';
import type { Options } from '../../contract/options';
import type { Workspace } from '../../contract/workspace';
import type { Accepted } from '../api';
import type { Language } from '../i18n/texts';
import type { SyncSnapshot } from '../sync/client';

export type Theme = 'dark' | 'light';

/** Why the browser cannot make a picture of a file. */
export type PictureFault = `PICTURE_${'UNREADABLE' | 'EMPTY' | 'HEIC' | 'TIFF' | 'IS_VIDEO' | 'IS_OTHER' | 'WAITS'}`;

/** A picture of a shot: the one it starts from, or the one it ends on. */
export type PictureField = 'image_path' | 'end_image_path';

/** A picture on its way to becoming a shot; it stands in the timeline behind `after`. */
export type Upload = {
  id: string;
  file: File;
  /** The shot it follows, null for the start. */
  after: string | null;
  /** The shot whose picture it replaces. */
  replaces?: string;
  /** Which picture of that shot; default the one that it starts from. */
  field?: PictureField;
  /** The pictures that were added at once: their common id, the first of them, and what was chosen then. */
  drop?: {
    id: string;
    firstId: string;
    selectedId: string | null;
    /** The ratio of the first one, where the timeline was empty. */
    ratio?: Promise<AspectRatio | null>;
  };
  phase: 'shrinking' | 'uploading' | 'failed';
  part: number;
  previewUrl: string;
  error?: ErrorCode | 'NETWORK' | PictureFault;
};

export type Toast = { id: string; text: string; action?: { label: string; run: () => void } };
type Dialog =
  | 'film'
  | 'film-settings'
  | 'films'
  | 'shortcuts'
  | 'trash'
  | 'export'
  | 'generate-all'
  | { compare: [string, string] }
  | { secondCharge: string; accepted?: Accepted }
  | { generate: readonly string[] }
  | { move: readonly string[] };

export type Filter = 'all' | 'failed' | 'notMade' | 'changed';

/** A click that made no video as far as this window knows; `before` is the attempt that the shot had then. */
export type RefusedClick = {
  code: ErrorCode | 'NETWORK';
  details?: ErrorDetail[];
  provider?: string;
  /** The form that the click was about. */
  form?: FormData;
  /** What the click had accepted already. */
  accepted?: Accepted;
  before: string | null;
};

/** A question to the assistant that is not in the conversation yet. */
export type Question = { message: string; stop: () => void; error?: ErrorCode | 'NETWORK' };

export type AppState = SyncSnapshot & {
  options: Options | null;
  selectedId: string | null;
  /** The chosen shots where they are more than one; the current one is among them. */
  marked: ReadonlySet<string>;
  /** Which shots the timeline shows. */
  filter: Filter;
  /** The card that is brought into sight without being chosen: the first of what was added. */
  revealedId: string | null;
  uploads: Upload[];
  /** The finished films of this page's film, the newest first. */
  exports: readonly FilmExport[];
  /** The batches of this page's film, the newest first. */
  batches: readonly Batch[];
  /** Failures of shots that a batch did not start, which were put away here; see `itemKey`. */
  putAway: ReadonlySet<string>;
  toasts: Toast[];
  dialog: Dialog | null;
  /** Clicks that are on their way, and the answers that refused one. */
  clicks: Record<string, 'sending' | RefusedClick>;
  questions: Record<string, Question>;
  /** What is typed for the assistant and not asked yet, by shot. */
  questionDrafts: Record<string, string>;
  /** By shot and dotted key, what was written elsewhere and is no longer shown; `at` is when this window learned of it. */
  otherTexts: Record<string, { value: unknown; at: number }>;
  /** The last news that a screen reader says; `at` tells two equal ones apart. */
  announcement: { text: string; at: number };
  canUndo: boolean;
  canRedo: boolean;
  language: Language;
  theme: Theme;
  notifies: boolean;
  /** Whether single letters are shortcuts. */
  hasLetterKeys: boolean;
};

export const useStore = create<AppState>(() => ({
  filmId: null,
  films: [],
  areFilmsLoaded: false,
  ids: [],
  byId: {},
  state: 'saved',
  waiting: 0,
  refused: [],
  isLoaded: false,
  options: null,
  selectedId: null,
  marked: new Set(),
  filter: 'all',
  revealedId: null,
  uploads: [],
  exports: [],
  batches: [],
  putAway: new Set(),
  toasts: [],
  dialog: null,
  clicks: {},
  questions: {},
  questionDrafts: {},
  otherTexts: {},
  announcement: { text: '', at: 0 },
  canUndo: false,
  canRedo: false,
  language: 'en',
  theme: 'dark',
  notifies: false,
  hasLetterKeys: true,
}));

export const getState = useStore.getState;
export const setState = useStore.setState;

/** The chosen shot, undefined while there is none. */
export const useSelected = (): Workspace | undefined =>
  useStore(({ byId, selectedId }) => (selectedId ? byId[selectedId] : undefined));

/** The place of a shot as people count. */
export const numberOf = (id: string): number => getState().ids.indexOf(id) + 1;
