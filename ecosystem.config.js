// pm2 start ecosystem.config.js, then `pm2 save`. The settings come from .env; `pm2 restart video-maker` reads it again.

/**
 * A stop waits for a paid request in flight (PROVIDER_REQUEST_TIMEOUT_MS, 30 s, plus 4 s for each MB sent), then closes sockets
 * and database. Raise both together: a process that is killed earlier may lose the answer to a paid request.
 */
const killTimeoutMs = 90_000;

module.exports = {
  apps: [
    {
      name: 'video-maker',
      script: 'dist/server.js',
      cwd: __dirname,
      // A second process needs its own ports and DATA_DIR, see docs/deployment.md.
      exec_mode: 'fork',
      instances: 1,
      wait_ready: true,
      // Longer than the first start, which may also start a database.
      listen_timeout: 60_000,
      kill_timeout: killTimeoutMs,
      // The server itself ends mongod and ffmpeg, once nothing needs them any more.
      treekill: false,
      // Restarting does not fix wrong settings. PM2 obeys this only if there is no restart delay of any kind.
      stop_exit_codes: [78],
      max_restarts: 10,
      min_uptime: '10s',
      max_memory_restart: '1G',
      // logs/combined.log already has the lines; only errors from before the log opens, such as wrong settings, are kept.
      out_file: '/dev/null',
      error_file: 'logs/pm2-error.log',
      merge_logs: true,
    },
  ],
};
