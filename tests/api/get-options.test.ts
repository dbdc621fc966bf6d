import { server, useServer } from '../helpers/tabs';

useServer({ VIDEO_PROVIDER: 'local', RUNWAY_API_KEY: 'k', PIKA_API_KEY: '' });

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test reads whatever the server says
const named = (options: any[], name: string) => options.find((option) => option.name === name);

test('the options name every word of the form in both languages', async () => {
  const { status, body } = await server.get('/api/options');
  expect(status).toBe(200);
  for (const words of [body.camera_movements, body.shot_sizes, body.lightings]) {
    expect(words.length).toBeGreaterThan(5);
    for (const word of words)
      expect(word).toEqual({
        id: expect.stringMatching(/^[a-z0-9_]+$/),
        en: expect.any(String),
        zh: expect.stringMatching(/\p{Script=Han}/u),
      });
  }
});

test('the options say which provider is ready, which is not and why, and which is the default', async () => {
  const { video_providers: providers, llm_providers: assistants } = (await server.get('/api/options')).body;
  expect(named(providers, 'runway')).toMatchObject({ ready: true, default: false });
  expect(named(providers, 'pika')).toMatchObject({ ready: false, reason: expect.stringContaining('PIKA_API_KEY') });
  expect(named(providers, 'local')).toMatchObject({ default: true });
  expect(named(assistants, 'local')).toMatchObject({ ready: true, default: true });
});

test('the options tell the limits of a video provider, which the form keeps to', async () => {
  const { body } = await server.get('/api/options');
  expect(named(body.video_providers, 'runway')).toMatchObject({
    durations_s: expect.arrayContaining([5]),
    aspect_ratios: expect.arrayContaining(['16:9']),
    prompt_max: 1000,
    seed: true,
  });
});
