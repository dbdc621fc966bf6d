import type http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** Answers a request after its body was read, at so many bytes a second as over a slow line. */
export const readSlowly =
  (bytesPerSecond: number, answer: unknown): http.RequestListener =>
  async (request, response) => {
    for await (const chunk of request) {
      await sleep(((chunk as Buffer).length / bytesPerSecond) * 1000);
    }
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
  };
