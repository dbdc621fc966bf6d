import packageJson from '../../package.json';
import { formData } from '../../src/contract/form';
import { asyncApi, openApi } from '../../src/utils/specs';
import { messages } from '../../src/websocket/server';

type Json = Record<string, never>;

function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => (key === '$ref' ? [String(inner)] : references(inner)));
}

const resolve = (root: Json, reference: string) =>
  reference
    .slice(2)
    .split('/')
    .reduce<Json | undefined>((place, key) => place?.[key], root);

test('every reference of the AsyncAPI document leads somewhere, and every message is in it', () => {
  const document = asyncApi(messages) as Json;
  expect(references(document).filter((reference) => !resolve(document, reference))).toEqual([]);
  const channel = resolve(document, '#/channels/socket/messages') as Json;
  expect(Object.keys(channel)).toEqual(expect.arrayContaining(messages.map(({ type }) => type)));
});

test('the form in the document has the fields and limits of the contract', () => {
  const document = asyncApi(messages) as Json;
  const form = resolve(document, '#/components/schemas/FormData') as unknown as { properties: Record<string, Json> };
  expect(Object.keys(form.properties)).toEqual(Object.keys(formData.shape));
  expect(form.properties.duration_s).toMatchObject({ type: 'integer', minimum: 2, maximum: 15 });
});

test('both documents carry the version of package.json', () => {
  const { version } = packageJson;
  expect(openApi([]).info).toMatchObject({ version });
  expect(asyncApi([]).info).toMatchObject({ version });
});
