/** What holds for every collection: unknown keys throw, and the server itself creates indexes, at its start. */
export const schemaOptions = {
  strict: 'throw',
  strictQuery: 'throw',
  versionKey: false,
  autoIndex: false,
  bufferCommands: false,
  minimize: false,
} as const;
