import type { Recipe, RecipeShot } from '../../src/db/export';
import { toPieces } from '../../src/film/pieces';

const shot = (frames: number, overlap = 0, caption = ''): RecipeShot => ({
  workspace_id: `${frames}`,
  kind: 'clip',
  url: '/uploads/videos/a.mp4',
  frames,
  from_s: 0,
  overlap,
  volume: 1,
  caption,
});
const recipe = (shots: RecipeShot[], fadeFrames = 0): Recipe => ({
  width: 1280,
  height: 720,
  fps: 24,
  fit: 'pad',
  captions: 'track',
  fade_frames: fadeFrames,
  shots,
  frames: shots.reduce((sum, { frames, overlap }) => sum + frames - overlap, 0),
  music: null,
});

test.each([
  ['cuts', [shot(48), shot(24), shot(1)]],
  ['overlaps', [shot(48), shot(24, 12), shot(48, 12)]],
  ['a shot that is nothing but its overlaps', [shot(48), shot(2, 1), shot(48, 1)]],
])('the pieces of a film with %s have all of its frames', (_, shots) => {
  const made = recipe(shots);
  expect(toPieces(made).reduce((sum, { frames }) => sum + frames, 0)).toBe(made.frames);
});

test('an overlap is the end of one shot and the beginning of the next', () => {
  expect(toPieces(recipe([shot(48), shot(24, 12)]))).toMatchObject([
    { kind: 'body', from: 0, frames: 36 },
    { kind: 'cross', from: 36, frames: 12 },
    { kind: 'body', from: 12, frames: 12 },
  ]);
});

test('shots fade to black at cuts, by half of their frames at most, and not at the ends of the film', () => {
  expect(toPieces(recipe([shot(48), shot(5), shot(48)], 6))).toMatchObject([
    { fadeIn: 0, fadeOut: 6 },
    { fadeIn: 2, fadeOut: 2 },
    { fadeIn: 6, fadeOut: 0 },
  ]);
});
