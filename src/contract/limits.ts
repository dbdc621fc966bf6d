// No zod here, so that the browser can import these values without loading it.

export const aspectRatios = ['16:9', '9:16', '1:1', '4:3', '3:4', '21:9'] as const;

export const durationMinS = 2;
export const durationMaxS = 15;

export const seedMax = 4294967295;

/** The longest word of the vocabulary, or words instead of one. Every limit of text counts UTF-16 units. */
export const wordMaxCharacters = 100;
/** The longest name of a provider, a model or a resolution. */
export const nameMaxCharacters = 100;
export const promptMaxCharacters = 2000;
export const negativePromptMaxCharacters = 1000;
export const captionMaxCharacters = 300;

/** The longest question to the assistant. */
export const messageMaxCharacters = 2000;

export const takesKept = 20;
export const aiEntriesKept = 50;

/** The most that one video can cost: 100,000 of its currency, above which a number is a mistake. */
export const chargeMaxMicros = 100_000_000_000;
