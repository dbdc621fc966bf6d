// pm2 start ecosystem.config.js, then `pm2 save`. The settings come from .env; `pm2 restart video-maker` reads it again.

/**
 * A stop waits for a paid request that is out (PROVIDER_REQUEST_TIMEOUT_MS, 30 s, and 4 s for each MB that it sends) and then closes sockets and database.
 * Raise both together: a process that is killed before loses the answer to something that was paid.
 */
const killTimeoutMs = 90_000;

module.exports = {
  apps: [
    {
      name: 'video-maker',
      script: 'dist/server.js',
      cwd: __dirname,
      // Two processes would not tell each other's browsers what changed.
      exec_mode: 'fork',
      instances: 1,
      wait_ready: true,
      // Longer than the first start, which may have to start a database.
      listen_timeout: 60_000,
      kill_timeout: killTimeoutMs,
      // The embedded database and a running ffmpeg are ended by the server itself, after the work that needs them.
      treekill: false,
      // Wrong settings do not get better by trying again. PM2 obeys this only without a restart delay of any kind.
      stop_exit_codes: [78],
      max_restarts: 10,
      min_uptime: '10s',
      max_memory_restart: '1G',
      // The lines are in logs/combined.log already; only what precedes the log, such as a list of wrong settings, is kept.
      out_file: '/dev/null',
      error_file: 'logs/pm2-error.log',
      merge_logs: true,
    },
  ],
};
