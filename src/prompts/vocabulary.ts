import type { FormData } from '../contract/form';

/** The form fields that have a vocabulary; each also takes free text. */
export type WordKind = keyof Pick<FormData, 'camera_movement' | 'shot_size' | 'lighting'>;

/** One choice as the form shows it. */
export type Word = { id: string; en: string; zh: string };

type Row = Word & { phrase: string; forms: string[]; labels: string[] };

// Each row: id | English | 中文 | phrase for an English prompt | synonyms.
// 移 is a camera that travels (truck), 摇 one that turns on the spot (pan, tilt); 近景 is chest-up, 特写 the face.
const tables: Record<WordKind, Row[]> = {
  camera_movement: readTable(`
    static           | Static / locked-off | 固定镜头 | the camera remains static | static camera, static shot, locked off, tripod, no camera movement, 固定机位, 镜头不动, 镜头固定, 静止镜头
    push_in          | Push in / dolly in | 推 / 推进 / 推镜头 | the camera slowly pushes in toward the subject | push toward, push closer, dolly in, dolly forward, move closer, 推进, 推镜头, 推近, 镜头推, 推向, 前推, 拉近
    pull_out         | Pull out / dolly out | 拉 / 拉远 / 拉镜头 | the camera slowly pulls back, revealing the surroundings | pull back, pull away, dolly out, dolly back, 拉远, 拉镜头, 镜头拉开, 后拉, 拉出
    zoom_in          | Zoom in | 变焦推近 | slow optical zoom in | 变焦推进, 变焦放大
    zoom_out         | Zoom out | 变焦拉远 | slow optical zoom out | 变焦缩小
    pan_left         | Pan left | 左摇 | the camera pans left | pan to the left, 向左摇, 往左摇
    pan_right        | Pan right | 右摇 | the camera pans right | pan to the right, 向右摇, 往右摇
    tilt_up          | Tilt up | 上摇 / 仰摇 | the camera tilts up | tilt upward, pan up, 仰摇, 向上摇
    tilt_down        | Tilt down | 下摇 / 俯摇 | the camera tilts down | tilt downward, pan down, 俯摇, 向下摇
    truck_left       | Truck left | 左移 / 横移向左 | the camera trucks left | slide left, dolly left, truck to the left, 横移向左, 向左移, 往左移, 向左横移, 向左平移, 左平移
    truck_right      | Truck right | 右移 / 横移向右 | the camera trucks right | slide right, dolly right, truck to the right, 横移向右, 向右移, 往右移, 向右横移, 向右平移, 右平移, 横移, 平移
    pedestal_up      | Pedestal up | 上升 / 升 | the camera rises vertically | boom up, camera rises, 镜头升
    pedestal_down    | Pedestal down | 下降 / 降 | the camera lowers vertically | boom down, camera lowers, 镜头降
    crane_up         | Crane up / jib up | 摇臂上升 / 升镜头 | crane shot rising above the scene | crane up, jib up, crane shot, 升镜头
    crane_down       | Crane down / jib down | 摇臂下降 / 降镜头 | crane shot descending to the subject | crane down, jib down, 降镜头
    orbit_left       | Orbit left / arc left | 向左环绕 / 环绕 | the camera arcs left around the subject | orbit left, arc left, orbit, orbit around, arc shot, circle around, 环绕, 绕着
    orbit_right      | Orbit right / arc right | 向右环绕 | the camera arcs right around the subject | orbit right, arc right
    orbit_360        | 360° orbit | 360度环绕 | the camera makes a full circle around the subject | 360 orbit, 360 degree orbit, full circle, full orbit, 360°环绕, 360环绕, 环绕一周
    tracking         | Tracking / follow shot | 跟拍 / 跟随镜头 | the camera follows the subject | tracking shot, follow shot, follow the subject, follow her, follow him, 跟随镜头, 跟镜头, 镜头跟随
    handheld         | Handheld | 手持 / 手持晃动 | subtle handheld camera movement | handheld, hand held, shaky cam, shaky camera, 手持晃动, 镜头晃动
    roll             | Roll / Dutch roll | 旋转运镜 / 滚转 | the camera rolls slowly clockwise | dutch roll, camera roll, roll the camera, 滚转, 镜头旋转, 旋转镜头
    dolly_zoom       | Dolly zoom (vertigo) | 希区柯克变焦 / 滑动变焦 | dolly zoom, background stretches away | vertigo effect, vertigo shot, zolly, 滑动变焦, 希区柯克
    whip_pan         | Whip pan | 甩镜头 / 急摇 | fast whip pan to the right | swish pan, 急摇, 甩镜
    rack_focus       | Rack focus | 焦点转移 / 移焦 | focus shifts from foreground to background | focus pull, pull focus, 移焦, 焦点切换
    aerial           | Aerial / drone | 航拍 / 无人机视角 | smooth aerial drone shot moving forward | aerial, aerial shot, drone, drone shot, 无人机视角, 无人机
    pov              | First person / POV | 第一人称 / 主观镜头 | first-person view moving forward | pov, point of view, 主观镜头, 主观视角
  `),
  shot_size: readTable(`
    extreme_wide     | Extreme wide / extreme long (EWS) | 大远景 / 极端全景 | extreme wide shot, the subject tiny in the landscape | extreme wide shot, extreme long shot, ews, 极端全景
    long             | Long / establishing (LS) | 远景 / 定场镜头 | long establishing shot, the subject small in its place | long shot, establishing shot, 定场镜头
    wide             | Wide / full (WS, FS) | 全景 | wide shot with the whole body and the surroundings | wide shot, full shot, full body shot
    medium_wide      | Medium wide / cowboy (MWS) | 中全景 | medium wide shot from the knees up | medium wide shot, cowboy shot, mws
    medium           | Medium (MS) | 中景 | medium shot from the waist up | medium shot, mid shot, waist up
    medium_close_up  | Medium close-up (MCU) | 中近景 / 近景 | medium close-up from the chest up | medium close up shot, mcu, chest up, 近景
    close_up         | Close-up (CU) | 特写 | close-up of the subject | closeup, close up shot
    extreme_close_up | Extreme close-up (ECU) | 大特写 | extreme close-up of one detail | extreme closeup, extreme close up shot, ecu
    macro            | Macro | 微距 | macro shot of a tiny detail | macro, macro shot
  `),
  lighting: readTable(`
    daylight         | Daylight | 日光 / 自然光 | natural daylight | daylight, natural light, 自然光
    sunny            | Bright sunlight | 晴天光 / 强日光 | bright direct sunlight | sunlight, sunny, 强日光, 阳光
    overcast         | Overcast | 阴天光 | flat overcast light | overcast, cloudy light, 阴天
    moonlight        | Moonlight | 月光 | pale moonlight | moonlight, moonlit
    artificial       | Artificial light | 人工光 | artificial light | artificial light
    practical        | Practical (lamps in shot) | 实用光 | light from the lamps in the shot | practical light, practical lamps, lamps in shot
    firelight        | Fire / candle light | 火光 / 烛光 | flickering firelight | firelight, candle light, candlelight, campfire, 烛光
    fluorescent      | Fluorescent | 荧光 | cold fluorescent light | fluorescent, 荧光灯, 日光灯
    neon             | Neon | 霓虹灯光 | glowing neon light | neon, 霓虹灯, 霓虹
    studio           | Studio light | 影棚光 | even studio light | studio light, 棚拍光, 摄影棚灯光
    soft             | Soft / diffused | 柔光 | soft diffused light | soft light, diffused, diffused light, 柔和光线, 柔和的光, 光线柔和
    hard             | Hard | 硬光 | hard light with sharp shadows | hard light, harsh light, 强硬光
    high_key         | High key | 高调 / 明亮光 | bright high-key light | 明亮光, 高调光
    low_key          | Low key, high contrast | 低调 / 暗调 | low-key light with deep shadows and high contrast | low key, moody light, dark and moody, 暗调, 低调光
    volumetric       | Volumetric / god rays | 体积光 / 丁达尔光 | volumetric light, visible rays through the air | volumetric, volumetric light, god ray, light shaft, 丁达尔光, 丁达尔
    front            | Front light | 顺光 / 正面光 | light from the front | front lit, 正面光
    side             | Side light | 侧光 | light from the side | side lit
    backlight        | Backlight | 逆光 / 背光 | strong backlight | backlight, back light, backlit, 背光
    rim              | Rim / edge light | 边缘光 / 轮廓光 | a bright rim of light around the subject | rim light, edge light, rim lit, 轮廓光
    top              | Top light | 顶光 | light from straight above | overhead light, top lit
    under            | Underlight | 底光 | light from below | underlight, under light, light from below, underlit
    silhouette       | Silhouette | 剪影 | the subject as a dark silhouette against the light | silhouette
    rembrandt        | Rembrandt | 伦勃朗光 | Rembrandt light, a small triangle of light on the cheek | rembrandt, 伦勃朗
    golden_hour      | Golden hour | 黄金时刻 | warm golden-hour light from a low sun | magic hour, golden light, 黄金时段, 金色阳光
    blue_hour        | Blue hour | 蓝调时刻 | cool blue-hour twilight | 蓝色时刻, 蓝调
    sunrise          | Sunrise / dawn | 日出 / 黎明 | early light at sunrise | sunrise, dawn, 黎明, 清晨
    sunset           | Sunset / dusk | 日落 / 黄昏 | glowing light at sunset | sunset, dusk, 黄昏, 夕阳
    night            | Night | 夜晚 | dark night scene | at night, night scene, nighttime, night time, 夜景, 夜里, 晚上
    warm             | Warm colours | 暖色调 | warm colours | warm light, warm tone, warm color, 暖色, 暖光
    cool             | Cool colours | 冷色调 | cool colours | cool light, cold light, cool tone, cool color, 冷色, 冷光
    mixed            | Mixed colours | 混合色调 | mixed warm and cool colours | mixed light, mixed color, 混合色
  `),
};

const toWord = ({ id, en, zh }: Row): Word => ({ id, en, zh });

/** The camera movements (运镜) in the order of a form. */
export const cameraMovements: Word[] = tables.camera_movement.map(toWord);

/** The shot sizes (景别), from far to near. */
export const shotSizes: Word[] = tables.shot_size.map(toWord);

/** The lightings (光线), grouped by source, quality, direction, time and tone. */
export const lightings: Word[] = tables.lighting.map(toWord);

/** The choice behind an id; undefined for free text. */
export const wordOf = (kind: WordKind, id: string): Word | undefined => tables[kind].find((row) => row.id === id);

/** Whether `id` is in the vocabulary; free text is not. */
export const isWord = (kind: WordKind, id: string): boolean => wordOf(kind, id) !== undefined;

/** The id that a label means, such as "Pull Out", 柔光 or "push_in (Push in / dolly in)"; undefined for anything else. */
export function idOf(kind: WordKind, label: string): string | undefined {
  const names = [label, label.replace(/[(（][^]*$/, '')].map((name) => normalize(name).trim());
  const row = tables[kind].find(({ labels }) => names.some((name) => labels.includes(name)));
  if (row) return row.id;
  const [id, ...others] = findWords(kind, label);
  return others.length > 0 ? undefined : id;
}

/** The text for an English video prompt: a phrase for an id, free text unchanged, '' for ''. */
export const phraseOf = (kind: WordKind, idOrText: string): string =>
  tables[kind].find((row) => row.id === idOrText)?.phrase ?? idOrText;

const matchers = Object.fromEntries(
  Object.entries(tables).map(([kind, rows]) => [
    kind,
    rows
      .flatMap(({ id, forms }) => forms.map((form) => ({ id, length: form.length, pattern: toPattern(form) })))
      .sort((a, b) => b.length - a.length),
  ]),
) as Record<WordKind, { id: string; length: number; pattern: RegExp }[]>;

const negation =
  /(\b(no|not|never|without|avoid|less|stop|don't|do not)( any| a| the| use)?|不要|不用|不需要|无需|避免|没有|去掉|取消|(?<![特分类性])别)\s?(用|使用|再)?$/;

/** The ids that a Chinese or English text mentions, in its order; the longest form wins, and negated words do not count. */
export function findWords(kind: WordKind, text: string): string[] {
  let rest = normalize(text);
  const found: { id: string; index: number }[] = [];
  for (const { id, pattern } of matchers[kind]) {
    // A match is blanked out, so that 大特写 is not found again as 特写.
    rest = rest.replace(pattern, (match: string, index: number) => {
      if (!negation.test(rest.slice(0, index).trimEnd())) found.push({ id, index });
      return '\0'.repeat(match.length);
    });
  }
  return [...new Set(found.sort((a, b) => a.index - b.index).map(({ id }) => id))];
}

function normalize(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll('’', "'")
    .replace(/[-_\s]+/g, ' ');
}

// "pan left" also matches "pans left" and "panning left"; Chinese has no word endings.
function toPattern(form: string): RegExp {
  if (/\p{Script=Han}/u.test(form)) return new RegExp(form, 'g');
  const [first = '', ...others] = form.split(' ');
  const ending = '(?:e?s|[a-z]?ing|[a-z]?ed)?';
  const words = [others.length > 0 ? first + ending : first, ...others].join(' ');
  return new RegExp(`(?<![a-z0-9])${words}(?:s|ing)?(?![a-z0-9])`, 'g');
}

function readTable(table: string): Row[] {
  return table
    .trim()
    .split('\n')
    .map((line) => {
      const [id = '', en = '', zh = '', phrase = '', others = ''] = line.split('|').map((cell) => cell.trim());
      // A single word such as "Long" or 推 is too ambiguous, so only labels of two or more are searched for.
      const labels = [
        ...alternatives(en).filter((label) => /[ -]/.test(label)),
        ...alternatives(zh).filter((label) => label.length > 1),
      ];
      const toForms = (words: string[]) => [...new Set(words.map((form) => normalize(form).trim()))].filter(Boolean);
      const forms = toForms([...labels, ...others.split(',')]);
      return {
        id,
        en,
        zh,
        phrase,
        forms,
        labels: toForms([id, en, zh, ...alternatives(en), ...alternatives(zh), ...forms]),
      };
    });
}

// "Wide / full (WS, FS)" are two labels.
function alternatives(cell: string): string[] {
  const labels = cell.replace(/\(.*?\)/g, '').split('/');
  return labels.map((label) => label.trim());
}
