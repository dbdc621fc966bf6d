/** ffmpeg filters for light that falls off around a point of the picture (0..1 from the left and the top). */
const spot = (x: number, y: number, falloff: string) =>
  `pad=2*iw:2*ih:iw*${1 - x}:ih*${1 - y},vignette=${falloff},crop=iw/2:ih/2:iw/2*${1 - x}:ih/2*${1 - y}`;

/** The grade of the still for each lighting id, as ffmpeg filters; free text leaves the light unchanged. */
export const grades: Record<string, string> = {
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
