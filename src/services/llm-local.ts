// No model and no network: rules applied to the user's own words. They find camera, shot and light words in Chinese and
// English, a duration and an aspect ratio, add fitting advice, and say that no model was asked.

import { z } from 'zod';
import type { AspectRatio, FormData } from '../contract/form';
import { aspectRatios } from '../contract/limits';
import { readSettings } from '../config';
import type { LlmRequest } from '../prompts/suggestion';
import { defineLlmProvider } from './provider';
import { findWords, wordOf, type WordKind } from '../prompts/vocabulary';

type Language = 'zh' | 'en';
type Patch = Partial<FormData>;

/** Rule-based suggestions that need no key; the reply has the same JSON shape as a model's. */
export default defineLlmProvider({
  name: 'local',
  settings: readSettings(z.object({})),
  model: 'rules',
  suggest: (request) => Promise.resolve({ text: JSON.stringify(applyRules(request)), model: 'rules' }),
});

const disclaimer: Record<Language, string> = {
  zh: '这是按固定规则给出的建议，没有询问任何模型。想让模型看图作答，请在 .env 中设置 LLM_PROVIDER（openai、claude 或 qwen）和对应的密钥，然后重启服务。',
  en: 'These are fixed rules; no model was asked. To have a model look at the picture, set LLM_PROVIDER (openai, claude or qwen) and its key in .env and restart the server.',
};

function applyRules({ message, form_data: form }: LlmRequest): { message: string; patch: Patch } {
  const language: Language = /\p{Script=Han}/u.test(message) ? 'zh' : 'en';
  const cameras = findWords('camera_movement', message);
  const patch: Patch = {
    ...first('camera_movement', cameras),
    ...first('shot_size', findWords('shot_size', message)),
    ...first('lighting', findWords('lighting', message)),
    ...findDuration(message),
    ...findAspectRatio(message),
  };
  const advised = adviceFor(message, cameras, patch, { ...form, ...patch }).map((sentence) => sentence[language]);
  const lines = [describe(patch, language), ...advised, disclaimer[language]];
  return { message: lines.join('\n'), patch };
}

const first = (kind: WordKind, [id]: string[]): Patch => (id ? { [kind]: id } : {});

function describe(patch: Patch, language: Language): string {
  const found = Object.entries(patch).map(([key, value]) => {
    if (key === 'duration_s') return language === 'zh' ? `${value} 秒` : `${value} seconds`;
    if (key === 'aspect_ratio') return String(value);
    return wordOf(key as WordKind, String(value))?.[language] ?? String(value);
  });
  const list = found.join(language === 'zh' ? '，' : ', ');
  if (language === 'zh')
    return list ? `从您的话里识别到：${list}。` : '没有从您的话里识别到运镜、景别、光线、时长或画幅。';
  return list
    ? `Recognised: ${list}.`
    : 'No camera, shot, light, duration or aspect ratio was recognised in your words.';
}

const chineseDigits = '零一二三四五六七八九十';

function findDuration(message: string): Patch {
  const pattern = /(?<![\d.])(\d{1,2}|[一二两三四五六七八九十]|十[一二三四五])\s*-?\s*(?:s(?:ec(?:ond)?s?)?\b|秒)/i;
  const found = pattern.exec(message.normalize('NFKC'))?.[1]?.replace('两', '二');
  if (!found) return {};
  const digits = [...found].map((digit) => chineseDigits.indexOf(digit));
  return { duration_s: /\d/.test(found) ? Number(found) : digits.reduce((sum, digit) => sum + digit, 0) };
}

const ratioWords: [RegExp, AspectRatio][] = [
  [/竖屏|竖版|竖构图|手机屏|\b(vertical|portrait)\s(video|format|mode|orientation|clip)\b/i, '9:16'],
  [/横屏|横版|\b(widescreen|landscape\s(format|mode|orientation|video))\b/i, '16:9'],
  [/方形|正方形|方图|\bsquare\b/i, '1:1'],
  [/超宽|宽银幕|\b(ultra-?wide screen|cinemascope|anamorphic)\b/i, '21:9'],
];

function findAspectRatio(message: string): Patch {
  const text = message.normalize('NFKC').replace(/(\d)\s*[:比x]\s*(\d)/g, '$1:$2');
  const named = aspectRatios.find((ratio) => new RegExp(`(?<!\\d)${ratio}(?!\\d)`).test(text));
  const ratio = named ?? ratioWords.find(([pattern]) => pattern.test(text))?.[1];
  return ratio ? { aspect_ratio: ratio } : {};
}

const negativeWords = /\b(no|not|without|don't|never|avoid)\b|不要|没有|避免|不出现/i;
const pictureWords = /\b(photo|picture|image) (of|shows)\b|^\s*(a|an) (photo|picture|image)\b|图中|图片|照片|画面中是/i;
const sequenceWords = /\b(then|after that|finally|next)\b|然后|接着|随后|最后/gi;
const maxPromptWords = 60;
const maxHanCharacters = 120;

function adviceFor(message: string, cameras: string[], patch: Patch, form: FormData): Record<Language, string>[] {
  const { prompt, camera_movement: camera, duration_s: seconds } = form;
  const moves = new Set([...cameras, ...findWords('camera_movement', prompt), camera].filter(Boolean));
  const hanCount = prompt.replace(/\P{Script=Han}/gu, '').length;
  const isLong = prompt.split(/\s+/).length > maxPromptWords || hanCount > maxHanCharacters;
  const applies: Record<string, boolean> = {
    truck: message.includes('平移') && camera.startsWith('truck'),
    stacked: moves.size > 1,
    zoom: camera.startsWith('zoom'),
    large: ['orbit_360', 'whip_pan', 'dolly_zoom'].includes(camera),
    framing: patch.shot_size !== undefined,
    negative: negativeWords.test(prompt),
    picture: pictureWords.test(prompt),
    crowded: seconds <= 5 && (isLong || (prompt.match(sequenceWords) ?? []).length >= 2),
    empty: !prompt.trim(),
  };
  return advice.filter(({ id }) => applies[id]);
}

// Each row: when (as in adviceFor) | 中文 | English.
const advice = `
  truck    | “平移”按横移（机位移动）理解；如果要机位不动、只转动镜头，请说“左摇”或“右摇”。 | 平移 was taken as a truck, where the camera travels; for a camera that turns on the spot, say pan.
  stacked  | 一个镜头只用一种主要运镜，几种叠在一起容易让画面变形；其余的留给下一个镜头。 | Keep one dominant camera move per clip; several at once distort the picture, so leave the others for the next clip.
  zoom     | 变焦只改变焦距，没有纵深变化；想要走近的感觉，用“推进”。 | A zoom changes the focal length and adds no depth; to feel the camera travel, use push in or pull out.
  large    | 这种运镜幅度大，只凭一张图容易变形；先试轻微的推进或环绕。 | This is a large move for a single picture and may distort it; try a gentle push in or orbit first.
  framing  | 图片已经定下了开头的景别；这里的景别是镜头开始或结束时的取景，可用推或拉来到达。 | The picture fixes the first framing; the shot size is where the clip begins or ends, so reach it with a push in or pull out.
  negative | 提示词里有否定的说法；请改写成想看到的样子，不想要的放进反向提示词。 | The prompt has negative words; say what should be seen, and put what should not be seen into the negative prompt.
  picture  | 提示词不必描述图片里已有的内容，写出什么在动、怎么动就好。 | The prompt need not describe the picture; write what moves and how.
  crowded  | 5 秒以内只容得下一个动作和一种运镜；请缩短提示词，或加长时长。 | Up to 5 seconds hold one action and one move; shorten the prompt or make the clip longer.
  empty    | 提示词还是空的：写一句谁在做什么动作、镜头往哪里走、多快、停在哪里。 | The prompt is empty: write one sentence about who moves and how, and where the camera goes, how fast, and where it ends.
`
  .trim()
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()) as [string, string, string])
  .map(([id, zh, en]) => ({ id, zh, en }));
