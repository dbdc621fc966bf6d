import type { Workspace } from '../../contract/workspace';
import { numberOf } from './store';

const longestWords = 40;

/** The name of a shot's clip as a file: its place and the beginning of the prompt it was made from; the server cleans it. */
export function fileNameOf({ _id: id }: Workspace, prompt = ''): string {
  const words = prompt.replace(/\s+/g, ' ').slice(0, longestWords).trim();
  return `${[String(numberOf(id)).padStart(2, '0'), words].filter(Boolean).join(' ')}.mp4`;
}
