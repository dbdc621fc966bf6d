const partMaxBytes = 80;
/** Names that Windows keeps for devices, with any extension. */
const deviceName = /^(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/i;
const graphemes = new Intl.Segmenter();

/** A name of at most 80 bytes that every system takes, as close to the text as that allows; `fallback` where nothing remains. */
export function toFileName(text: string, end: string, fallback: string): string {
  const safe = text.normalize('NFC').replace(/[\s\p{C}<>:"/\\|?*%]+/gu, ' ');
  const room = partMaxBytes - Buffer.byteLength(`_${end}`);
  return trim(cut(trim(safe), room), fallback).replace(deviceName, '_$&') + end;
}

/** A file's name in a package, such as `03_A_fox_runs.mp4`: also safe in the address of a file, as it has letters, digits, _ and - only. */
export function toNumberedName(place: number, places: number, text: string, ext: string): string {
  const digits = Math.max(2, String(places).length);
  const words = text
    .normalize('NFC')
    .replace(/['’]/g, '')
    .replace(/[^\p{L}\p{M}\p{N}-]+/gu, '_');
  const [start, end] = [`${String(place).padStart(digits, '0')}_`, `.${ext}`];
  const room = partMaxBytes - Buffer.byteLength(start + end);
  return start + trim(cut(trim(words), room), 'shot') + end;
}

/** Windows drops dots and spaces at the end of a name, and a dot at its start hides it elsewhere. */
const trim = (name: string, fallback = ''): string => name.replace(/^[ ._]+|[ ._]+$/g, '') || fallback;

/** The beginning of a text that fits, without cutting a character into halves. */
function cut(text: string, maxBytes: number): string {
  let fitting = '';
  let bytes = 0;
  for (const { segment } of graphemes.segment(text)) {
    bytes += Buffer.byteLength(segment);
    if (bytes > maxBytes) break;
    fitting += segment;
  }
  return fitting;
}
