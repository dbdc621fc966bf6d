import type { DraftFile, DraftPlace } from './draft-materials';
import { metaDefaults } from './draft-template';

/** What the app shows for a photo, however long it may be on the timeline. */
const photoMicros = 5_000_000;
/** The groups of imported media, of which the first has files. */
const groups = [0, 1, 2, 3, 6, 7, 8];

/** The file `draft_meta_info.json`, without whose list of media the app does not find them. */
export function toDraftMeta(
  { folder, name, separator }: DraftPlace,
  { id, duration, files }: { id: string; duration: number; files: DraftFile[] },
): string {
  const micros = Date.now() * 1000;
  const meta = {
    ...metaDefaults,
    draft_id: id,
    draft_name: name,
    draft_fold_path: folder,
    draft_root_path: folder.slice(0, folder.lastIndexOf(separator)) || separator,
    draft_materials: groups.map((type) => ({ type, value: type === 0 ? files.map(toEntry) : [] })),
    draft_timeline_materials_size_: 0,
    tm_draft_create: micros,
    tm_draft_modified: micros,
    tm_duration: duration,
  };
  return JSON.stringify(meta);
}

const toEntry = ({ id, name, path, kind, duration, width, height }: DraftFile) => ({
  id,
  ai_group_type: '',
  create_time: Math.floor(Date.now() / 1000),
  duration: kind === 'photo' ? photoMicros : duration,
  enter_from: 0,
  extra_info: name,
  file_Path: path,
  height,
  import_time: -1,
  import_time_ms: -1,
  item_source: 1,
  material_color_tag: '',
  md5: '',
  metetype: kind,
  roughcut_time_range: { duration: -1, start: -1 },
  sub_time_range: { duration: -1, start: -1 },
  type: 0,
  width,
});
