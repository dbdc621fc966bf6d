// An animatic: one still, a camera that moves before it, and a light. Everything here becomes a filter graph of ffmpeg,
// with one `perspective` filter whose corners are functions of the frame, since that moves by parts of a pixel.

import type { z } from 'zod';
import { formData, type AspectRatio } from '../contract';

/** Frames per second of every animatic. */
export const framesPerSecond = 24;

/** What an animatic is made of beside its still. */
export const renderRequest = formData.pick({
  camera_movement: true,
  lighting: true,
  duration_s: true,
  aspect_ratio: true,
});
export type RenderRequest = z.infer<typeof renderRequest>;

type Size = [width: number, height: number];

/** A place in the still: 0..1 from its left and its top. Four of them, in ffmpeg's order of corners, are a quad. */
type Point = [x: number, y: number];

/** The size of the video; the still is larger by `overscan`, so that a move does not run out of detail, and halves evenly. */
const sizes: Record<AspectRatio, Size> = {
  '16:9': [1280, 720],
  '9:16': [720, 1280],
  '1:1': [960, 960],
  '4:3': [1088, 816],
  '3:4': [816, 1088],
  '21:9': [1456, 624],
};
const overscan = 1.25;

// ---- the camera

/** Where the camera is and looks. The picture is a wall before it; lengths are in picture heights, angles in degrees. */
type Camera = {
  x: number;
  y: number;
  /** Forward, towards the wall. */
  z: number;
  /** To the right. */
  pan: number;
  /** Up. */
  tilt: number;
  /** Clockwise. */
  roll: number;
  /** Focal length, as a multiple of the one that shows the whole wall. */
  zoom: number;
};

const distance = 1.2;
const atRest: Camera = { x: 0, y: 0, z: 0, pan: 0, tilt: 0, roll: 0, zoom: 1 };

/** The camera over time: `e` runs from 0 to 1 with soft ends, `s` is seconds. `toQuads` keeps it inside the wall. */
type Move = (e: number, s: number) => Partial<Camera>;

const pushIn: Move = (e) => ({ z: 0.22 * e });

const moves: Record<string, Move> = {
  static: () => ({}),
  push_in: pushIn,
  pull_out: (e) => ({ z: 0.24 - 0.24 * e }),
  zoom_in: (e) => ({ zoom: 1 + 0.4 * e }),
  zoom_out: (e) => ({ zoom: 1.4 - 0.4 * e }),
  pan_left: (e) => ({ pan: 6 - 12 * e }),
  pan_right: (e) => ({ pan: 12 * e - 6 }),
  tilt_up: (e) => ({ tilt: 8 * e - 4 }),
  tilt_down: (e) => ({ tilt: 4 - 8 * e }),
  truck_left: (e) => ({ x: 0.15 - 0.3 * e }),
  truck_right: (e) => ({ x: 0.3 * e - 0.15 }),
  pedestal_up: (e) => ({ y: 0.18 * e - 0.09 }),
  pedestal_down: (e) => ({ y: 0.09 - 0.18 * e }),
  crane_up: (e) => ({ y: 0.3 * e - 0.1, tilt: -7 * e, z: 0.12 - 0.12 * e }),
  crane_down: (e) => ({ y: 0.2 - 0.3 * e, tilt: 7 * e - 7, z: 0.12 * e }),
  orbit_left: (e) => around(10 - 20 * e),
  orbit_right: (e) => around(20 * e - 10),
  orbit_360: (e) => around(28 * e - 14),
  tracking: (e, s) => ({ ...shake(s, 0.5), x: 0.26 * e - 0.13, z: 0.05 * e }),
  handheld: (e, s) => ({ ...shake(s, 1), z: 0.04 * e }),
  roll: (e) => ({ roll: 10 * e - 5 }),
  whip_pan: (e) => ({ pan: 18 * soften(clamp(2.6 * e - 0.8)) - 9 }),
  aerial: (e) => ({ y: 0.1 - 0.1 * e, tilt: 3 * e - 6, z: 0.22 * e }),
  pov: (e, s) => ({ y: 0.007 * Math.sin(11 * s), roll: 0.35 * Math.sin(5.5 * s), z: 0.24 * e }),
};

/** On a circle around the middle of the wall, looking at it. */
function around(degrees: number): Partial<Camera> {
  const angle = radians(degrees);
  return { x: distance * Math.sin(angle), z: distance * (1 - Math.cos(angle)), pan: -degrees };
}

/** The drift of a hand: slow waves without a common period. */
function shake(s: number, strength: number): Partial<Camera> {
  const wave = (speed: number, phase: number) =>
    Math.sin(speed * s + phase) + 0.5 * Math.sin(2.7 * speed * s + 2 * phase);
  return {
    x: strength * 0.011 * wave(1.3, 0.4),
    y: strength * 0.009 * wave(1.7, 2.1),
    roll: strength * 0.35 * wave(1.1, 4),
  };
}

/**
 * A dolly zoom cannot be shown by a flat wall, where walking in and zooming out cancel each other. It gets a corridor:
 * the picture is cut along its diagonals into four walls, whose outer edges come nearer while the middle stays.
 */
const corridor = {
  top: { x: 0, y: 0, width: 1, height: 0.5 },
  bottom: { x: 0, y: 0.5, width: 1, height: 0.5 },
  left: { x: 0, y: 0, width: 0.5, height: 1 },
  right: { x: 0.5, y: 0, width: 0.5, height: 1 },
};
type Wall = keyof typeof corridor;

const frameCorners = [
  [0, 0],
  [1, 0],
  [0, 1],
  [1, 1],
] as const;

function wallQuad(wall: Wall, e: number): Point[] {
  const { x: left, y: top, width, height } = corridor[wall];
  const nearer = 1 - 0.18 * e;
  return frameCorners.map(([right, down]) => {
    const [x, y] = [left + right * width, top + down * height];
    const isOuter = x % 1 === 0 && y % 1 === 0;
    const place = (value: number) => (isOuter ? 0.5 + (value - 0.5) * nearer : value);
    return [(place(x) - left) / width, (place(y) - top) / height];
  });
}

// ---- the light

/** Light that falls off around a point of the picture (0..1 from the left and from the top); filters of ffmpeg. */
const spot = (x: number, y: number, falloff: string) =>
  `pad=2*iw:2*ih:iw*${1 - x}:ih*${1 - y},vignette=${falloff},crop=iw/2:ih/2:iw/2*${1 - x}:ih/2*${1 - y}`;

/** A grade of the still for each lighting id, as filters of ffmpeg; free text leaves the light as it is. */
const grades: Record<string, string> = {
  daylight: 'eq=contrast=1.03:saturation=1.05',
  sunny: 'curves=all=0/0 0.25/0.24 0.7/0.8 1/1,colorbalance=rh=0.06:gh=0.03:bh=-0.05,eq=saturation=1.12',
  overcast: 'curves=all=0/0.05 0.5/0.5 1/0.92,colorbalance=rm=-0.04:bm=0.05,eq=saturation=0.68',
  moonlight: `curves=all=0/0 0.5/0.44 0.8/0.85 1/1,colorchannelmixer=rr=0.38:rg=0.1:gg=0.58:gb=0.06:bg=0.18:bb=0.8`,
  artificial: 'colorbalance=rm=0.07:bm=-0.08:rh=0.05:bh=-0.07,eq=contrast=1.06',
  practical: `curves=all=0/0 0.4/0.28 0.75/0.76 1/1,colorbalance=rh=0.12:gh=0.03:bh=-0.14:bs=0.05,vignette=PI/5`,
  firelight: 'curves=all=0/0 0.4/0.31 1/1,colorchannelmixer=rr=1.15:gg=0.86:bb=0.52,vignette=PI/4.6',
  fluorescent: 'colorbalance=gm=0.07:rm=-0.06:bm=0.02:gh=0.05:rh=-0.05,eq=saturation=0.82:contrast=1.05',
  neon: 'curves=all=0/0 0.4/0.3 0.8/0.85 1/1,colorbalance=rs=0.03:gs=-0.05:bs=0.1:rm=0.08:gm=-0.08:bm=0.14:rh=-0.1:gh=0.05:bh=0.14,eq=saturation=1.4',
  studio: 'curves=all=0/0 0.25/0.22 0.75/0.79 1/1',
  soft: 'curves=all=0/0.06 0.5/0.54 1/0.97,eq=saturation=0.94',
  hard: 'curves=all=0/0 0.28/0.16 0.72/0.84 1/1',
  high_key: 'curves=all=0/0.1 0.4/0.58 0.8/0.95 1/1,eq=saturation=0.9',
  low_key: 'curves=all=0/0 0.35/0.2 0.7/0.66 1/1,eq=saturation=0.9,vignette=PI/5',
  volumetric: `curves=all=0/0.09 0.5/0.56 0.85/0.95 1/1,colorbalance=rh=0.06:gh=0.03:bh=-0.06,${spot(0.5, 0, 'PI/4')}`,
  front: 'curves=all=0/0.03 0.5/0.55 1/1,eq=contrast=0.94',
  side: `curves=all=0/0 0.4/0.42 0.75/0.84 1/1,${spot(0.1, 0.4, 'PI/2.7')}`,
  backlight: 'curves=all=0/0 0.4/0.28 0.7/0.76 0.9/1 1/1,colorbalance=rh=0.06:bh=-0.05',
  rim: 'curves=all=0/0 0.45/0.28 0.75/0.8 0.9/1 1/1,eq=saturation=0.92',
  top: `curves=all=0/0 0.5/0.55 1/1,${spot(0.5, 0, 'PI/2.8')}`,
  under: `curves=all=0/0 0.5/0.55 1/1,${spot(0.5, 1, 'PI/2.8')}`,
  silhouette: 'curves=all=0/0 0.4/0.08 0.62/0.5 0.85/0.94 1/1,eq=saturation=0.85',
  rembrandt: `curves=all=0/0 0.4/0.31 0.75/0.78 1/1,colorbalance=rm=0.06:bm=-0.06,${spot(0.25, 0.25, 'PI/3')}`,
  golden_hour: 'curves=all=0/0.02 0.5/0.53 1/1,colorchannelmixer=rr=1.1:gg=0.97:bb=0.74,colorbalance=rh=0.07:bs=0.03',
  blue_hour: 'curves=all=0/0 0.5/0.43 1/0.93,colorchannelmixer=rr=0.68:gg=0.84:bb=1.1:bg=0.05,eq=saturation=0.95',
  sunrise: 'curves=all=0/0.04 0.5/0.55 1/1,colorbalance=rm=0.06:gm=0.01:bm=-0.02:rh=0.08:bh=-0.06',
  sunset: 'curves=all=0/0 0.45/0.4 1/1,colorbalance=rs=0.05:bs=0.07:rm=0.1:gm=-0.02:bm=-0.06:rh=0.1:bh=-0.1',
  night:
    'curves=all=0/0 0.4/0.3 0.75/0.82 1/1,colorchannelmixer=rr=0.5:rg=0.06:gg=0.58:bg=0.16:bb=0.72,vignette=PI/5.5',
  warm: 'colorbalance=rm=0.08:gm=0.01:bm=-0.1',
  cool: 'colorbalance=rm=-0.09:bm=0.1',
  mixed: 'colorbalance=bs=0.12:rs=-0.05:rh=0.1:gh=0.02:bh=-0.1',
};

/** The size of the still in pixels, larger than the video by `overscan`. */
export const stillSize = (aspectRatio: AspectRatio) => sizes[aspectRatio].map((side) => side * overscan) as Size;

// ---- from camera to pixels

/** The still is decoded and graded once, then repeated; per frame there is only the move and the scaling to the output. */
export function filterGraph({
  camera_movement: id,
  duration_s: seconds,
  lighting,
  aspect_ratio: aspectRatio,
}: RenderRequest) {
  const size = stillSize(aspectRatio);
  const lastFrame = seconds * framesPerSecond - 1;
  const grade = Object.hasOwn(grades, lighting) ? `${grades[lighting]},` : '';
  const repeat = `loop=loop=-1:size=1,setpts=N/${framesPerSecond}/TB`;
  const still = `${grade}format=gbrp,scale=${size.join(':')}:out_color_matrix=bt709:out_range=tv,format=yuv420p,${repeat}`;
  const output = `scale=${sizes[aspectRatio].join(':')}:flags=bicubic[video]`;
  if (id !== 'dolly_zoom') {
    const quadAt = toQuads(Object.hasOwn(moves, id) ? (moves[id] as Move) : pushIn, size, lastFrame);
    return `[0:v]${still},${perspective(quadAt, size, lastFrame)},${output}`;
  }
  const view = (wall: Wall) => {
    const { x, y, width, height } = corridor[wall];
    const wallSize: Size = [size[0] * width, size[1] * height];
    const quadAt = (frame: number) => wallQuad(wall, progress(frame, lastFrame));
    const cut = `crop=iw*${width}:ih*${height}:iw*${x}:ih*${y}`;
    return `[${wall}]${cut},${perspective(quadAt, wallSize, lastFrame)}[${wall}View]`;
  };
  const walls = Object.keys(corridor) as Wall[];
  return [
    `[0:v]${still},split=4${walls.map((wall) => `[${wall}]`).join('')}`,
    ...walls.map(view),
    '[topView][bottomView]vstack[floorAndCeiling]',
    '[leftView][rightView]hstack[sides]',
    // White where a side wall is nearer than floor and ceiling, over a pixel's width.
    `color=black:size=${size.join('x')}:rate=${framesPerSecond},format=gray,trim=end_frame=1,` +
      `geq=lum='clip(127.5+255*(abs(X-W/2+0.5)*H/W-abs(Y-H/2+0.5)),0,255)',${repeat}[mask]`,
    '[sides][mask]alphamerge[wedges]',
    `[floorAndCeiling][wedges]overlay=format=yuv420,${output}`,
  ].join(';');
}

const progress = (frame: number, lastFrame: number) => ease(clamp(frame / lastFrame));

/** What the camera sees at each frame, with the shortest focal length at which no frame looks past the picture. */
function toQuads(move: Move, [width, height]: Size, lastFrame: number): (frame: number) => Point[] {
  const quadAt = (frame: number, zoom: number) => {
    const camera = { ...atRest, ...move(progress(frame, lastFrame), frame / framesPerSecond) };
    return quad({ ...camera, zoom: camera.zoom * zoom }, width / height);
  };
  const margin = 0.001;
  const isInside = (zoom: number) =>
    Array.from({ length: lastFrame + 1 }, (_, frame) => quadAt(frame, zoom))
      .flat(2)
      .every((value) => value >= margin && value <= 1 - margin);
  let [tooShort, fitting] = [1, 3];
  for (let step = 0; step < 12; step += 1) {
    const middle = (tooShort + fitting) / 2;
    if (isInside(middle)) fitting = middle;
    else tooShort = middle;
  }
  return (frame) => quadAt(frame, fitting);
}

/** Where the rays through the corners of the frame meet the wall. */
function quad(camera: Camera, ratio: number): Point[] {
  const roll = radians(camera.roll);
  const tilt = radians(camera.tilt);
  const pan = radians(camera.pan);
  return frameCorners.map(([right, down]) => {
    const x0 = ((right - 0.5) * ratio) / camera.zoom;
    const y0 = (0.5 - down) / camera.zoom;
    const x1 = x0 * Math.cos(roll) + y0 * Math.sin(roll);
    const y1 = y0 * Math.cos(roll) - x0 * Math.sin(roll);
    const y2 = y1 * Math.cos(tilt) + distance * Math.sin(tilt);
    const z2 = distance * Math.cos(tilt) - y1 * Math.sin(tilt);
    const x3 = x1 * Math.cos(pan) + z2 * Math.sin(pan);
    const z3 = z2 * Math.cos(pan) - x1 * Math.sin(pan);
    const reach = (distance - camera.z) / z3;
    return [0.5 + (camera.x + reach * x3) / ratio, 0.5 - (camera.y + reach * y2)];
  });
}

/** The filter that shows the quad of each frame as a full frame. */
function perspective(quadAt: (frame: number) => Point[], [width, height]: Size, lastFrame: number): string {
  const corners = [0, 1, 2, 3].flatMap((corner) => {
    const x = toExpression((frame) => (quadAt(frame)[corner]?.[0] ?? 0) * width, 0, lastFrame);
    const y = toExpression((frame) => (quadAt(frame)[corner]?.[1] ?? 0) * height, 0, lastFrame);
    return [`x${corner}='${x}'`, `y${corner}='${y}'`];
  });
  return `perspective=${corners.join(':')}:sense=source:eval=frame`;
}

/** A smooth function of the frame as an expression of ffmpeg: cubic pieces, halved until they are true to a tenth of a pixel. */
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
  const isTrue = [0.2, 0.4, 0.6, 0.8].every((part) => {
    const u = part * length;
    return Math.abs(piece(u) - value(from + u)) <= tolerance;
  });
  if (isTrue || length <= shortest) {
    const u = `(on-${from + 1})`;
    const [a, b, c, d] = [start, startSlope, square, cube].map((number) => Number(number.toPrecision(7)));
    return `${a}+${u}*(${b}+${u}*(${c}+${u}*(${d})))`;
  }
  const middle = Math.round((from + to) / 2);
  return `if(lt(on,${middle + 1}),${toExpression(value, from, middle)},${toExpression(value, middle, to)})`;
}

const radians = (degrees: number) => (degrees * Math.PI) / 180;

const clamp = (value: number) => Math.min(1, Math.max(0, value));

const soften = (part: number) => part * part * (3 - 2 * part);

/** Starts and stops softly over a quarter of the time each, and moves evenly between. */
function ease(part: number): number {
  const soft = 0.25;
  if (part < soft) return part ** 2 / (2 * soft * (1 - soft));
  if (part > 1 - soft) return 1 - (1 - part) ** 2 / (2 * soft * (1 - soft));
  return (part - soft / 2) / (1 - soft);
}
