// The camera of an animatic: where it is at each frame, and which part of the still it sees. The still is a wall in front of it.

/** A position in the still: 0..1 from its left and its top. Four of them, in ffmpeg's order of corners, form a quad. */
export type Point = [x: number, y: number];

/** A size in pixels. */
export type Size = [width: number, height: number];

/** Frames per second of every animatic. */
export const framesPerSecond = 24;

/** The position and direction of the camera; lengths are in picture heights, angles in degrees. */
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

/** The camera over time: `e` runs from 0 to 1 with eased ends, `s` is in seconds. `toQuads` keeps the view inside the wall. */
type Move = (e: number, s: number) => Partial<Camera>;

const pushIn: Move = (e) => ({ z: 0.22 * e });

/** The move for each camera movement id; free text becomes a push in. */
export const moves: Record<string, Move> = {
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

/** The drift of a hand-held camera: slow waves without a common period. */
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
 * A flat wall cannot show a dolly zoom, because moving in and zooming out cancel each other. It gets a corridor: the picture
 * is cut along its diagonals into four walls, whose outer edges come nearer while the middle stays.
 */
export const corridor = {
  top: { x: 0, y: 0, width: 1, height: 0.5 },
  bottom: { x: 0, y: 0.5, width: 1, height: 0.5 },
  left: { x: 0, y: 0, width: 0.5, height: 1 },
  right: { x: 0.5, y: 0, width: 0.5, height: 1 },
};
export type Wall = keyof typeof corridor;

const frameCorners = [
  [0, 0],
  [1, 0],
  [0, 1],
  [1, 1],
] as const;

/** The part of a wall that is visible at a frame of a dolly zoom. */
export function wallQuad(wall: Wall, frame: number, lastFrame: number): Point[] {
  const { x: left, y: top, width, height } = corridor[wall];
  const nearer = 1 - 0.18 * progress(frame, lastFrame);
  return frameCorners.map(([right, down]) => {
    const [x, y] = [left + right * width, top + down * height];
    const isOuter = x % 1 === 0 && y % 1 === 0;
    const toView = (value: number) => (isOuter ? 0.5 + (value - 0.5) * nearer : value);
    return [(toView(x) - left) / width, (toView(y) - top) / height];
  });
}

const progress = (frame: number, lastFrame: number) => ease(clamp(frame / lastFrame));

/** The view of the camera at each frame, with the shortest focal length at which no frame sees past the picture. */
export function toQuads(movement: string, [width, height]: Size, lastFrame: number): (frame: number) => Point[] {
  const move = Object.hasOwn(moves, movement) ? moves[movement]! : pushIn;
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

const radians = (degrees: number) => (degrees * Math.PI) / 180;

const clamp = (value: number) => Math.min(1, Math.max(0, value));

const soften = (part: number) => part * part * (3 - 2 * part);

/** Eases in and out over a quarter of the time each, with constant speed in between. */
function ease(part: number): number {
  const soft = 0.25;
  if (part < soft) return part ** 2 / (2 * soft * (1 - soft));
  if (part > 1 - soft) return 1 - (1 - part) ** 2 / (2 * soft * (1 - soft));
  return (part - soft / 2) / (1 - soft);
}
