import type { ErrorCode, VideoError } from '../contract';

/** `runway` as people read it. */
export const providerTitle = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

// Our own sentence for each code: what the vendor wrote goes to the log, since it may name keys or internals.
const sentences: Partial<Record<ErrorCode, (provider: string) => string>> = {
  INVALID_INPUT: (provider) =>
    `${provider} does not take this picture, prompt or setting; change the form and try again.`,
  IMAGE_UNREADABLE: () => 'The picture cannot be read; upload it again or choose another one.',
  IMAGE_MISSING: () => 'The file of the picture is gone; upload it again.',
  CONTENT_REFUSED: (provider) =>
    `The moderation of ${provider} refused this; change the prompt or the picture and try again.`,
  PROVIDER_RATE_LIMITED: (provider) => `${provider} takes no more requests right now; wait a while and try again.`,
  PROVIDER_FAILED: (provider) => `${provider} could not be reached; check the network and its settings, and try again.`,
  PROVIDER_BAD_REPLY: (provider) =>
    `${provider} answers in a way that nobody can read; look at its status page and try again later.`,
  PROVIDER_TIMEOUT: (provider) => `${provider} did not answer in time; try again later.`,
  PROVIDER_NOT_CONFIGURED: (provider) => `${provider} is not set up on this server; the log says what is missing.`,
  PROVIDER_AUTH: (provider) => `${provider} refuses the API key; check it in .env and restart the server.`,
  PROVIDER_QUOTA: (provider) => `The account at ${provider} is out of credits; top it up and try again.`,
  SUBMIT_UNKNOWN: (provider) =>
    `The answer of ${provider} was lost, so it may have started and charged this video; look into your account there before you generate again.`,
  TIMEOUT: (provider) =>
    `${provider} has not finished in time; it is still being asked, and a late video will appear here by itself.`,
  CANCELLED: () => 'The generation was cancelled.',
  DOWNLOAD_FAILED: () =>
    'The video was made, but its file could not be fetched; it is asked for again by itself, and generating again costs nothing.',
  TASK_FAILED: (provider) => `${provider} could not make this video; try again, or change the prompt or the picture.`,
};

/** The error of a video as people read it, with whether it was charged. */
export function videoErrorOf(code: ErrorCode, provider: string, charged: VideoError['charged']): VideoError {
  const sentence = sentences[code] ?? (() => 'The video could not be made; the log of the server has the details.');
  return { code, message: sentence(providerTitle(provider)), charged };
}
