export type RestOptions = {
  url: string;
  /** Origin of the REST side; default: that of `url`. */
  baseUrl?: string;
  fetch?: typeof fetch;
};

const answerWithinMs = 10_000;

/** Reads a REST address; resolves with null when the server does not answer in time with what was asked for. */
export type Rest = <Reply>(path: string, abort?: AbortController) => Promise<Reply | null>;

export function createRest(options: RestOptions): Rest {
  const baseUrl = options.baseUrl ?? new URL(options.url.replace(/^ws/, 'http')).origin;
  return async <Reply>(path: string, abort = new AbortController()): Promise<Reply | null> => {
    const timer = setTimeout(() => abort.abort(), answerWithinMs);
    try {
      const reply = await (options.fetch ?? fetch)(`${baseUrl}${path}`, { signal: abort.signal });
      return reply.ok ? ((await reply.json()) as Reply) : null;
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
    }
  };
}
