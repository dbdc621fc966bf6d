import type { Film } from '../contract/film';
import type { Workspace } from '../contract/workspace';
import { clipOf } from '../contract/continuity';

/** The manifest of a package: its film, and one row for each shot in order; `files` has the place of each shot's file. */
export function toManifest(
  film: Film,
  workspaces: Workspace[],
  files: Map<string, string>,
  music: string | null,
): string {
  const shots = workspaces.map((workspace) => {
    const { _id, cut } = workspace;
    const clip = clipOf(workspace);
    const form = clip?.form_data ?? workspace.form_data;
    return {
      workspace_id: _id,
      file: files.get(_id) ?? null,
      form_data: form,
      caption: cut.caption,
      provider: clip?.provider ?? null,
      model: clip?.model ?? null,
      seed: form.seed,
      cost: clip?.cost ?? null,
      in_s: cut.in_s,
      out_s: cut.out_s,
    };
  });
  return JSON.stringify({ film: withoutServer(film, music), shots }, null, 2);
}

/** Addresses on the server mean nothing beside a package, where the music has a place of its own. */
const withoutServer = (film: Film, music: string | null) => ({
  ...film,
  poster_url: null,
  settings: { ...film.settings, music_path: music, music_url: music },
});
