/** XML that is ready; plain strings are text. */
export type Xml = { xml: string };

/** An element with text, a number or other elements in it. */
export function tag(name: string, content: string | number | Xml[], attributes: Record<string, string> = {}): Xml {
  const inner = Array.isArray(content) ? content.map(({ xml }) => xml).join('') : escape(String(content));
  const given = Object.entries(attributes).map(([key, value]) => ` ${key}="${escape(value)}"`);
  const head = `${name}${given.join('')}`;
  return { xml: inner ? `<${head}>${inner}</${name}>` : `<${head}/>` };
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

/** XML 1.0 has no way to write most control characters. */
const escape = (text: string): string =>
  text
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '')
    .replace(/[&<>"']/g, (character) => entities[character]!);
