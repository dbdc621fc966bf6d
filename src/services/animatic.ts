// An animatic: one still, a camera that moves in front of it, and a light. It is an ffmpeg filter graph with one
// `perspective` filter whose corners are functions of the frame, because that filter moves by fractions of a pixel. Where it ends on a
// picture, it dissolves into that.

import type { z } from 'zod';
import { formData, type AspectRatio } from '../contract/form';
import { corridor, framesPerSecond, toQuads, wallQuad, type Point, type Size, type Wall } from './animatic-camera';
import { grades } from './animatic-light';

/** The form fields that an animatic is made from, besides its still. */
export const renderRequest = formData.pick({
  camera_movement: true,
  lighting: true,
  duration_s: true,
  aspect_ratio: true,
});
export type RenderRequest = z.infer<typeof renderRequest>;

/** The size of the video. The still is larger by `overscan`, so that moves keep their detail, and its sides are even. */
const sizes: Record<AspectRatio, Size> = {
  '16:9': [1280, 720],
  '9:16': [720, 1280],
  '1:1': [960, 960],
  '4:3': [1088, 816],
  '3:4': [816, 1088],
  '21:9': [1456, 624],
};
const overscan = 1.25;
const dissolveMaxS = 1;
/** The last frames show the end picture alone, so that the encoder has settled on it. */
const endFrames = 3;

/** The size of the still in pixels, larger than the video by `overscan`. */
export const stillSize = (aspectRatio: AspectRatio) => sizes[aspectRatio].map((side) => side * overscan) as Size;

/** The size of the video in pixels, and of the picture that it ends on. */
export const videoSize = (aspectRatio: AspectRatio) => sizes[aspectRatio];

/** The ffmpeg filter graph from the still, and the picture to end on as a second input if there is one, to the video. */
export function filterGraph(request: RenderRequest, hasEnd: boolean): string {
  return hasEnd ? `${moveGraph(request, 'move')};${dissolveGraph(request)}` : moveGraph(request, 'video');
}

/** The still is decoded and graded once; each frame only adds the move and the scaling. */
function moveGraph(
  { camera_movement: id, duration_s: seconds, lighting, aspect_ratio: aspectRatio }: RenderRequest,
  name: string,
): string {
  const size = stillSize(aspectRatio);
  const lastFrame = seconds * framesPerSecond - 1;
  const grade = Object.hasOwn(grades, lighting) ? `${grades[lighting]},` : '';
  const still = `${grade}${toVideoColours(size)},format=yuv420p,${repeat}`;
  const output = `scale=${sizes[aspectRatio].join(':')}:flags=bicubic[${name}]`;
  if (id !== 'dolly_zoom') {
    return `[0:v]${still},${perspective(toQuads(id, size, lastFrame), size, lastFrame)},${output}`;
  }
  const view = (wall: Wall) => {
    const { x, y, width, height } = corridor[wall];
    const wallSize: Size = [size[0] * width, size[1] * height];
    const quadAt = (frame: number) => wallQuad(wall, frame, lastFrame);
    const cut = `crop=iw*${width}:ih*${height}:iw*${x}:ih*${y}`;
    return `[${wall}]${cut},${perspective(quadAt, wallSize, lastFrame)}[${wall}View]`;
  };
  const walls = Object.keys(corridor) as Wall[];
  return [
    `[0:v]${still},split=4${walls.map((wall) => `[${wall}]`).join('')}`,
    ...walls.map(view),
    '[topView][bottomView]vstack[floorAndCeiling]',
    '[leftView][rightView]hstack[sides]',
    // White where a side wall is nearer than the floor and the ceiling, blended over one pixel.
    `color=black:size=${size.join('x')}:rate=${framesPerSecond},format=gray,trim=end_frame=1,` +
      `geq=lum='clip(127.5+255*(abs(X-W/2+0.5)*H/W-abs(Y-H/2+0.5)),0,255)',${repeat}[mask]`,
    '[sides][mask]alphamerge[wedges]',
    `[floorAndCeiling][wedges]overlay=format=yuv420,${output}`,
  ].join(';');
}

/** The end picture comes over the move, in its own light, and the last frames are the picture itself. */
function dissolveGraph({ duration_s: seconds, aspect_ratio: aspectRatio }: RenderRequest): string {
  const frames = Math.round(Math.min(dissolveMaxS, seconds / 3) * framesPerSecond);
  const start = seconds * framesPerSecond - endFrames - frames;
  const fade = `fade=in:start_frame=${start}:nb_frames=${frames}:alpha=1`;
  const picture = `${toVideoColours(sizes[aspectRatio])},format=yuva420p,${repeat},${fade}`;
  return `[1:v]${picture}[end];[move][end]overlay=format=yuv420[video]`;
}

const repeat = `loop=loop=-1:size=1,setpts=N/${framesPerSecond}/TB`;
const toVideoColours = (size: Size) => `format=gbrp,scale=${size.join(':')}:out_color_matrix=bt709:out_range=tv`;

/** The filter that shows the quad of each frame as a full frame. */
function perspective(quadAt: (frame: number) => Point[], [width, height]: Size, lastFrame: number): string {
  const corners = [0, 1, 2, 3].flatMap((corner) => {
    const x = toExpression((frame) => (quadAt(frame)[corner]?.[0] ?? 0) * width, 0, lastFrame);
    const y = toExpression((frame) => (quadAt(frame)[corner]?.[1] ?? 0) * height, 0, lastFrame);
    return [`x${corner}='${x}'`, `y${corner}='${y}'`];
  });
  return `perspective=${corners.join(':')}:sense=source:eval=frame`;
}

/** A smooth function of the frame as an ffmpeg expression: cubic pieces, halved until they are within a tenth of a pixel. */
function toExpression(value: (frame: number) => number, from: number, to: number): string {
  const tolerance = 0.1;
  const shortest = 4;
  const length = to - from;
  const slope = (frame: number) => (value(frame + 0.01) - value(frame - 0.01)) / 0.02;
  const [start, end, startSlope, endSlope] = [value(from), value(to), slope(from), slope(to)];
  const mean = (end - start) / length;
  const square = (3 * mean - 2 * startSlope - endSlope) / length;
  const cube = (startSlope + endSlope - 2 * mean) / length ** 2;
  const piece = (u: number) => start + u * (startSlope + u * (square + u * cube));
  const isAccurate = [0.2, 0.4, 0.6, 0.8].every((part) => {
    const u = part * length;
    return Math.abs(piece(u) - value(from + u)) <= tolerance;
  });
  if (isAccurate || length <= shortest) {
    const u = `(on-${from + 1})`;
    const [a, b, c, d] = [start, startSlope, square, cube].map((number) => Number(number.toPrecision(7)));
    return `${a}+${u}*(${b}+${u}*(${c}+${u}*(${d})))`;
  }
  const middle = Math.round((from + to) / 2);
  return `if(lt(on,${middle + 1}),${toExpression(value, from, middle)},${toExpression(value, middle, to)})`;
}
