// What the LLM doubles share: a reply that fits a JSON schema, and what the vendors demand of such a schema.

type Schema = {
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: unknown;
} & Record<string, unknown>;

/** A value that fits a schema: the first choice of each field, a sentence for free text. */
export function fillSchema(schema: Schema, name = 'reply'): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) return fillSchema(schema.anyOf[0] ?? {}, name);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === 'object') {
    const entries = Object.entries(schema.properties ?? {});
    return Object.fromEntries(entries.map(([key, value]) => [key, fillSchema(value, key)]));
  }
  if (type === 'array') return schema.items ? [fillSchema(schema.items, name)] : [];
  if (type === 'integer' || type === 'number') return 5;
  if (type === 'boolean') return false;
  if (type === 'null') return null;
  return name === 'message'
    ? 'A slow push in toward the subject suits this picture.'
    : 'The subject turns toward the light.';
}

const unknownToStrict = ['allOf', 'propertyNames', 'minLength', 'maxLength', 'pattern', 'minimum', 'maximum'];

/** What a strict schema mode has against a schema; null where it fits. */
export function faultOfSchema(schema: unknown, at = '$'): string | null {
  if (typeof schema !== 'object' || schema === null) return `${at} is not a schema`;
  const { properties, required, additionalProperties, anyOf, items, ...rest } = schema as Schema;
  const unknown = Object.keys(rest).find((keyword) => unknownToStrict.includes(keyword));
  if (unknown) return `${at}: '${unknown}' is not permitted`;
  if (rest.type === 'object' || properties) {
    if (additionalProperties !== false)
      return `${at}: 'additionalProperties' is required to be supplied and to be false`;
    const missing = Object.keys(properties ?? {}).find((key) => !required?.includes(key));
    if (missing) return `${at}: 'required' must include every key in properties; missing '${missing}'`;
  }
  const inner = [
    ...Object.entries(properties ?? {}).map(([key, value]) => [`${at}.${key}`, value] as const),
    ...(anyOf ?? []).map((value, index) => [`${at}.anyOf[${index}]`, value] as const),
    ...(items ? [[`${at}[]`, items] as const] : []),
  ];
  for (const [innerAt, value] of inner) {
    const fault = faultOfSchema(value, innerAt);
    if (fault) return fault;
  }
  return null;
}

/** The answer of a model: JSON by the schema, or prose where none was given. */
export const textFor = (schema: unknown): string =>
  JSON.stringify(
    schema
      ? fillSchema(schema as Schema)
      : { message: 'A slow push in suits this.', patch: { camera_movement: 'push_in' } },
  );
