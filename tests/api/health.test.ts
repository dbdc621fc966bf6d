import { server, useServer } from '../helpers/tabs';

useServer();

test('health tells what the contract names and nothing about the machine', async () => {
  const { status, body } = await server.get('/health');
  expect(status).toBe(200);
  expect(body).toMatchObject({
    status: 'ok',
    mongodb: 'connected',
    websocket: 'listening',
    jobs: { generating: expect.any(Number), unclear: expect.any(Number) },
    disk_free_ok: true,
    uptime_s: expect.any(Number),
  });
  expect(JSON.stringify(body)).not.toMatch(/\/|_KEY|\d+\.\d+\.\d+/);
});
